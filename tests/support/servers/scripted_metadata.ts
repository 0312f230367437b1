/**
 * The web side of the scripted router: metadata by the address that a request comes from, HTML pages for errors.
 *
 * @module
 */

import { fromLatin1 } from "../latin1.ts";
import type { Metadata } from "./metadata.ts";
import type { Script } from "./scripted_server.ts";
import { pause } from "../pause.ts";

/** How a router answers. */
export interface ServeOptions {
  /** What it has for the guest at an address; strangers are refused. */
  readonly metadataOf: (address: string) => Metadata | undefined;
  /** How many bytes a second each connection gets (default: as many as it takes). */
  readonly rate?: number | undefined;
  /** Called with a line for each answer, when the last of it is written, or cannot be any more. */
  readonly report: (line: string) => void;
}

/** Creates the script of the router's port 80. */
export function serveMetadata({ metadataOf, rate, report }: ServeOptions): Script {
  return async ({ head, path, remote, write }) => {
    const [pathname = ""] = path.split("?");
    const metadata = metadataOf(remote);
    const { status, body } = metadata === undefined ? page("403 Forbidden") : look(metadata, pathname);
    const [method] = head.split(" ");
    const type = status === OK ? "text/plain" : "text/html";
    let reported = false;
    const reportOnce = () => {
      if (!reported) report(`${remote} "${method} ${pathname}" ${status.slice(0, 3)}`);
      reported = true;
    };
    try {
      const size = rate === undefined ? PIECE : Math.ceil(rate / PIECES_PER_SECOND);
      const length = method === "HEAD" ? 0 : body.length;
      if (length <= size) reportOnce();
      await write(`HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`);
      for (let at = 0; at < length; at += size) {
        if (at > 0 && rate !== undefined) {
          await pause(1_000 / PIECES_PER_SECOND);
        }
        if (at + size >= length) reportOnce();
        await write(body.subarray(at, at + size));
      }
    } finally {
      reportOnce();
    }
  };
}

const PIECE = 65_536;
const PIECES_PER_SECOND = 10;

/** Where a router's files are, below its document root. */
export const META_DATA_FOLDER = "metadata";
export const USER_DATA_FOLDER = "userdata";

/** Reads what a folder has for the guest at an address: the same files that a router's real web server serves. */
export function readMetadata(folder: string, address: string): Metadata | undefined {
  const read = (path: string) => {
    try {
      return [...Deno.readDirSync(path)].map(({ name }) => [name, Deno.readFileSync(`${path}/${name}`)] as const);
    } catch {
      return [];
    }
  };
  const { "meta-data": _, ...values } = Object.fromEntries(
    [META_DATA_FOLDER, USER_DATA_FOLDER].flatMap((kind) => read(`${folder}/${kind}/${address}`)),
  );
  return Object.keys(values).length === 0 ? undefined : values;
}

const OK = "200 OK";

function look(metadata: Metadata, path: string): { status: string; body: Uint8Array } {
  if (path === "/") return page("403 Forbidden"); // as nginx and Apache refuse to list a folder
  const { "user-data": _, ...keys } = metadata;
  const [, key = ""] = /^\/latest\/(?:meta-data\/)?([^/]+)\/?$/.exec(path) ?? [];
  const value = key === "meta-data"
    ? Object.keys(keys).map((name) => `${name}\n`).join("")
    : Object.hasOwn(metadata, key)
    ? metadata[key]!
    : undefined;
  if (value === undefined) return page("404 Not Found");
  return { status: OK, body: typeof value === "string" ? new TextEncoder().encode(value) : value };
}

function page(status: string): { status: string; body: Uint8Array } {
  return {
    status,
    body: fromLatin1(`<html><head><title>${status}</title></head><body><h1>${status.slice(4)}</h1></body></html>\n`),
  };
}
