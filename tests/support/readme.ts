/**
 * The commands of the README, for the tests that run them as they stand there.
 *
 * @module
 */

/** Returns the shell commands under a heading of the README, block by block. */
export async function readmeCommands(heading: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  const [, section] = text.split(`\n## ${heading}\n`);
  if (section === undefined) throw new Error(`The README has no section "${heading}"`);
  const [body = ""] = section.split(/\n## /);
  return [...body.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands]) => commands!);
}
