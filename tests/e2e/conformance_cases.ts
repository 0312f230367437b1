/**
 * What the program has to pass as a direct request would get it: what to ask, and how to have nginx and Apache answer so.
 *
 * @module
 */

import { sampleMetadata } from "../support/servers/metadata.ts";
import type { Metadata, WebServer } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";

const EVERY_BYTE = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31 + (i >> 8)) & 255);

/** What the router has, in addition to the usual. */
export const METADATA: Metadata = {
  ...sampleMetadata(GUEST.address),
  "user-data": EVERY_BYTE,
  "empty": "",
  "cookies": "two cookies",
  "text": "compresses well, ".repeat(1_000),
  "huge": new Uint8Array(50 * 1024 * 1024).map((_, i) => (i ^ (i >>> 11)) & 255),
};

/** What the servers need to be told to give every kind of answer. */
export const EXTRA: Readonly<Record<WebServer, string>> = {
  nginx: `
    location = /latest/status/204 { return 204; }
    location = /latest/status/301 { return 301 http://10.1.1.1/latest/vm-id?a=b; }
    location = /latest/status/302 { return 302 /latest/vm-id; }
    location = /latest/status/307 { return 307 http://elsewhere.example/latest; }
    location = /latest/status/403 { return 403 "a page of the server"; }
    location = /latest/status/500 { return 500 "a page of the server"; }
    location = /latest/cookies {
      add_header Set-Cookie "a=1; Path=/";
      add_header Set-Cookie "b=2; HttpOnly";
      rewrite ^ /metadata/$remote_addr/cookies break;
    }
    location = /latest/text {
      gzip on; gzip_types *; gzip_min_length 1; gzip_vary on; gzip_http_version 1.0;
      rewrite ^ /metadata/$remote_addr/text break;
    }`,
  apache: `
    RewriteRule ^/latest/status/204$ - [R=204,L]
    RewriteRule ^/latest/status/301$ http://10.1.1.1/latest/vm-id?a=b [R=301,L]
    RewriteRule ^/latest/status/302$ /latest/vm-id [R=302,L]
    RewriteRule ^/latest/status/307$ http://elsewhere.example/latest [R=307,L]
    RewriteRule ^/latest/status/403$ - [R=403,L]
    RewriteRule ^/latest/status/500$ - [R=500,L]
    <Location /latest/cookies>
      Header add Set-Cookie "a=1; Path=/"
      Header add Set-Cookie "b=2; HttpOnly"
    </Location>
    <Location /latest/text>
      SetOutputFilter DEFLATE
    </Location>`,
};

/** One request. */
export interface Case {
  readonly what: string;
  readonly target?: string;
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  readonly version?: "1.0" | "1.1";
  /** Headers of the request that repeat what the router said of the plain one. */
  readonly echo?: Readonly<Record<string, string>>;
}

/** Every request that is made of both. */
export const CASES: readonly Case[] = [
  { what: "a key" },
  { what: "a key, its head alone", method: "HEAD" },
  { what: "binary user-data", target: "/latest/user-data" },
  { what: "binary user-data, its head alone", target: "/latest/user-data", method: "HEAD" },
  { what: "the listing", target: "/latest/meta-data/" },
  { what: "a query", target: "/latest/vm-id?a=b&c=%20d+e&&=&f" },
  { what: "an empty query", target: "/latest/vm-id?" },
  { what: "percent-encoded letters", target: "/latest/meta-data/vm%2Did" },
  { what: "a percent-encoded slash", target: "/latest%2Fvm-id" },
  { what: "doubled slashes", target: "//latest//vm-id" },
  { what: "dot segments", target: "/latest/./meta-data/../vm-id" },
  { what: "a broken percent-encoding", target: "/latest/vm-id%zz" },
  { what: "characters that URLs should not hold", target: "/latest/vm-id?{}|^`'\[]" },
  { what: "a trailing slash", target: "/latest/vm-id/" },
  { what: "the root", target: "/" },
  { what: "an empty body", target: "/latest/empty" },
  { what: "the beginning of a body", target: "/latest/user-data", headers: { Range: "bytes=0-9" } },
  { what: "the end of a body", target: "/latest/user-data", headers: { Range: "bytes=-7" } },
  { what: "a range beyond the end", target: "/latest/user-data", headers: { Range: "bytes=99999999-" } },
  { what: "a range of the head alone", target: "/latest/user-data", method: "HEAD", headers: { Range: "bytes=0-9" } },
  { what: "a body unless it is the same", echo: { "If-None-Match": "etag" } },
  { what: "a body unless it is old", echo: { "If-Modified-Since": "last-modified" } },
  { what: "a body only if it is the same", headers: { "If-Match": '"another"' } },
  { what: "no content", target: "/latest/status/204" },
  { what: "a permanent redirect to the router", target: "/latest/status/301" },
  { what: "a temporary redirect", target: "/latest/status/302" },
  { what: "a redirect elsewhere", target: "/latest/status/307" },
  { what: "a refusal", target: "/latest/status/403" },
  { what: "a key that is missing", target: "/latest/meta-data/no-such-key" },
  { what: "a key that is missing, its head alone", target: "/latest/meta-data/no-such-key", method: "HEAD" },
  { what: "a failure of the server", target: "/latest/status/500" },
  { what: "two cookies", target: "/latest/cookies" },
  { what: "text for one who reads gzip", target: "/latest/text", headers: { "Accept-Encoding": "gzip" } },
  { what: "text for one who does not", target: "/latest/text" },
  { what: "text for a client of HTTP/1.0", target: "/latest/text", version: "1.0" },
  { what: "a key for a client of HTTP/1.0", version: "1.0" },
  { what: "50 MB", target: "/latest/huge" },
];
