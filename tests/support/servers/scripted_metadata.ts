/**
 * The web side of the scripted router: metadata by the address that a request comes from, HTML pages for errors.
 *
 * @module
 */

import { fromLatin1 } from "../latin1.ts";
import type { Metadata } from "./metadata.ts";
import type { Script } from "./scripted_server.ts";

/** Creates the script of the router's port 80. */
export function serveMetadata(
  guests: readonly { readonly address: string; readonly metadata: Metadata }[],
  report: (line: string) => void,
): Script {
  return async ({ head, path, remote, write }) => {
    const [pathname = ""] = path.split("?");
    const metadata = guests.find(({ address }) => address === remote)?.metadata;
    const { status, body } = metadata === undefined ? page("403 Forbidden") : look(metadata, pathname);
    const [method] = head.split(" ");
    report(`${remote} "${method} ${pathname}" ${status.slice(0, 3)}`);
    const type = status === OK ? "text/plain" : "text/html";
    await write(`HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`);
    if (method !== "HEAD") await write(body);
  };
}

const OK = "200 OK";

function look(metadata: Metadata, path: string): { status: string; body: Uint8Array } {
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
