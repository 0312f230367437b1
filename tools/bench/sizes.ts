/**
 * What the contenders weigh on a disk and on the wire.
 *
 * @module
 */

import { BINARY, TOP } from "../program.ts";
import type { Contender } from "./contenders.ts";
import type { Samples } from "./samples.ts";

/** Measures executables and their archives. */
export async function measureSizes(contenders: readonly Contender[], samples: Samples): Promise<void> {
  const archives = new Map<string, Promise<number>>();
  await Promise.all(contenders.map(async ({ name, argv: [command] = [] }) => {
    if (command === undefined) return;
    const path = command.startsWith("/") ? command : `/usr/sbin/${command}`;
    const archive = archives.get(path) ?? archiveSize(path);
    archives.set(path, archive);
    samples.add(name, { executable: (await Deno.stat(path)).size / 1e6, archive: await archive / 1e6 });
  }));
}

/** A release's archive, if one was built of the program as it is; else what `gzip -9` makes of the executable. */
async function archiveSize(path: string): Promise<number> {
  return path === BINARY && await releaseSize() || await gzipSize(path);
}

async function releaseSize(): Promise<number | undefined> {
  const folder = `${TOP}/dist/release`;
  const platform = `linux_${Deno.build.arch === "x86_64" ? "amd64" : "arm64"}`;
  const compiledAt = (await Deno.stat(BINARY)).mtime!;
  if (!await Deno.stat(folder).catch(() => undefined)) return undefined;
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith(`_${platform}.tar.gz`)) continue;
    const { mtime, size } = await Deno.stat(`${folder}/${name}`);
    if (mtime! >= compiledAt) return size;
  }
  return undefined;
}

async function gzipSize(path: string): Promise<number> {
  const gzip = new Deno.Command("gzip", { args: ["-9", "-c", path], stdout: "piped" }).spawn();
  let size = 0;
  for await (const chunk of gzip.stdout) size += chunk.length;
  await gzip.status;
  return size;
}
