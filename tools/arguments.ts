/**
 * What the tools' command lines have in common: an argument that nobody knows is refused before anything is done.
 *
 * @module
 */

/** Ends the tool, with a sentence that says which argument is none of its own, unless it knows them all. */
export function refuseUnknown(args: readonly string[], known: readonly string[] = []): void {
  const unknown = args.find((arg) => !known.includes(arg));
  if (unknown !== undefined) refuse(`there is no argument '${unknown}' here`);
}

/** Ends the tool for what cannot be done with its arguments. */
export function refuse(why: string): never {
  console.error(`${why}: ./dev help has the arguments`);
  Deno.exit(2);
}
