/**
 * The commands and tables of the README, for the tests that run them as they stand there.
 *
 * @module
 */

/** Returns the shell commands under a heading of the README, block by block. */
export async function readmeCommands(heading: string): Promise<string[]> {
  return [...(await readSection(heading)).matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands]) => commands!);
}

/** Returns the rows of the first table under a heading, without the two of its head; a row is its cells. */
export async function readmeTable(heading: string): Promise<string[][]> {
  const [table] = /(?:^\|.*\n)+/m.exec(`${await readSection(heading)}\n`) ?? [];
  if (table === undefined) throw new Error(`The README has no table in "${heading}"`);
  return table.trimEnd().split("\n").slice(2).map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
}

async function readSection(heading: string): Promise<string> {
  const text = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  const [, section] = text.split(`\n## ${heading}\n`);
  if (section === undefined) throw new Error(`The README has no section "${heading}"`);
  return section.split(/\n## /)[0]!;
}
