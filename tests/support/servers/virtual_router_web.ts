/**
 * The web side of the virtual router: metadata by the address that a request comes from, HTML pages for errors.
 *
 * @module
 */

import type { Metadata } from "./metadata.ts";

/** Creates the handler of the router's port 80. */
export function createMetadataHandler(
  guests: readonly { readonly address: string; readonly metadata: Metadata }[],
  report: (line: string) => void,
): (request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>) => Response {
  return (request, { remoteAddr }) => {
    const { pathname } = new URL(request.url);
    const metadata = guests.find(({ address }) => address === remoteAddr.hostname)?.metadata;
    const response = metadata === undefined ? page(403, "Forbidden") : look(metadata, pathname);
    report(`${remoteAddr.hostname} "${request.method} ${pathname}" ${response.status}`);
    return response;
  };
}

function look(metadata: Metadata, path: string): Response {
  const { "user-data": _, ...keys } = metadata;
  const [, key = ""] = /^\/latest\/(?:meta-data\/)?([^/]+)\/?$/.exec(path) ?? [];
  if (key === "meta-data") return new Response(Object.keys(keys).map((name) => `${name}\n`).join(""));
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
  return value === undefined ? page(404, "Not Found") : new Response(value as BodyInit);
}

function page(status: number, title: string): Response {
  const html = `<html><head><title>${status} ${title}</title></head><body><h1>${title}</h1></body></html>\n`;
  return new Response(html, { status, headers: { "content-type": "text/html" } });
}
