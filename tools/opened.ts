/**
 * A program that every user can run, as some tests have nobody do, wherever the clone is: nobody may enter /root, or what
 * was cloned under a umask of 077.
 *
 * @module
 */

import { ensureBundle, writeWrapper } from "./bundle.ts";
import { removeIfStopped } from "./cleanup.ts";

/** A copy, and how to be rid of it. */
export interface Opened extends AsyncDisposable {
  readonly path: string;
}

/** Whether every user can get at a file, and run it. */
export async function isOpen(path: string): Promise<boolean> {
  for (let at = path, needed = 0o005; at !== ""; at = at.slice(0, at.lastIndexOf("/")), needed = 0o001) {
    if (((await Deno.stat(at)).mode! & needed) !== needed) return false;
  }
  return true;
}

/** Copies the compiled program to where all can run it. */
export function openProgram(program: string): Promise<Opened> {
  return layOut((path) => Deno.copyFile(program, path));
}

/** Does the same with the program under this Deno, and with that. */
export function openWrapper(): Promise<Opened> {
  return layOut(async (path, folder) => {
    const [deno, module] = [`${folder}/deno`, `${folder}/mdproxy4cs.js`];
    await Deno.copyFile(Deno.execPath(), deno);
    await Deno.copyFile(await ensureBundle(), module);
    await Deno.chmod(deno, 0o755);
    await Deno.chmod(module, 0o644);
    await writeWrapper(path, { deno, module });
  });
}

async function layOut(write: (path: string, folder: string) => Promise<void>): Promise<Opened> {
  await using undo = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
  undo.defer(removeIfStopped(folder));
  undo.defer(() => Deno.remove(folder, { recursive: true }));
  const path = `${folder}/mdproxy4cs`;
  await write(path, folder);
  await Deno.chmod(path, 0o755);
  await Deno.chmod(folder, 0o755);
  const made = undo.move();
  return { path, [Symbol.asyncDispose]: () => made.disposeAsync() };
}
