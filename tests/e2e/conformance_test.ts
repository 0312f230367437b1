import { assertEquals } from "@std/assert";
import { binary } from "../support/binary.ts";
import { createNetwork } from "../support/network.ts";
import { createExchange, latin1 } from "../support/network_http.ts";
import type { Exchange, RawResponse } from "../support/network_http.ts";
import { runCommand } from "../support/network_process.ts";
import { createGuest, startProgram } from "../support/network_program.ts";
import { startRelay } from "../support/network_relay.ts";
import { networkTest } from "../support/network_test.ts";
import { sampleMetadata, WEB_SERVERS } from "../support/servers_metadata.ts";
import type { Metadata, WebServer } from "../support/servers_metadata.ts";
import { GUEST, startRouter } from "../support/servers_router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx or Apache)
//
// Every request is made twice, of the router and of the program, and the answers are laid side by side.

const ROUTER = { hostname: "10.1.1.1", port: 80, host: "10.1.1.1" };
const PROXY = { hostname: "169.254.169.254", port: 39724, host: "169.254.169.254:39724" };

const EVERY_BYTE = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31 + (i >> 8)) & 255);

const METADATA: Metadata = {
  ...sampleMetadata(GUEST.address),
  "user-data": EVERY_BYTE,
  "empty": "",
  "cookies": "two cookies",
  "text": "compresses well, ".repeat(1_000),
  "huge": new Uint8Array(50 * 1024 * 1024).map((_, i) => (i ^ (i >>> 11)) & 255),
};

/** What the servers need to be told to give every kind of answer. */
const EXTRA: Readonly<Record<WebServer, string>> = {
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

interface Case {
  readonly what: string;
  readonly target?: string;
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  readonly version?: "1.0" | "1.1";
  /** Headers of the request that repeat what the router said of the plain one. */
  readonly echo?: Readonly<Record<string, string>>;
}

const CASES: readonly Case[] = [
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

const DENO_COMPRESSES = /Deno 2\.[0-8]\./.test((await runCommand([binary(), "--version"])).stdout);

/** Of one connection, not of the message; and the clock, which goes on between the two requests. */
const HOP_BY_HOP = new Set(["connection", "keep-alive", "transfer-encoding", "date", "server"]);

for (const server of WEB_SERVERS) {
  networkTest(
    `mdproxy4cs passes what ${server} answers: statuses, headers, bytes`,
    { programs: ["dnsmasq", server === "nginx" ? "nginx" : "apache2"] },
    async (context) => {
      await using network = await createNetwork();
      const lan = await network.createSegment();
      const guest = await createGuest(network, lan);
      await startRouter(network, lan, {
        web: server,
        metadata: { [GUEST.address]: METADATA },
        extra: EXTRA[server],
      });
      const program = await startProgram(guest, ["--cache-ttl", "0"]);
      const dial = await startRelay(network, guest);
      const open = async (to: typeof ROUTER): Promise<Exchange & Disposable> => {
        const connection = await dial(to.hostname, to.port);
        return Object.assign(createExchange(connection), { [Symbol.dispose]: () => connection.close() });
      };

      const ask = async (to: typeof ROUTER, { target = "/latest/vm-id", method, headers, version }: Case) => {
        using exchange = await open(to);
        const request = { target, headers: { ...headers, Connection: "close" } };
        await exchange.send(format({ ...request, ...(method && { method }), ...(version && { version }) }, to.host));
        return await exchange.receive(method);
      };

      for (const row of CASES) {
        await context.step(row.what, async () => {
          const plain = row.echo === undefined ? undefined : await ask(ROUTER, { what: "" });
          const echo = Object.entries(row.echo ?? {}).map(([name, from]) =>
            [name, plain!.headers.find(([key]) => key === from)![1]] as const
          );
          const request = { ...row, headers: { ...row.headers, ...Object.fromEntries(echo) } };
          const direct = await ask(ROUTER, request);
          const proxied = await ask(PROXY, request);
          assertEquals(await comparable(withoutAdditions(proxied, direct)), await comparable(asPassed(direct)));
        });
      }

      await context.step("two requests on one connection", async () => {
        using exchange = await open(PROXY);
        for (const target of ["/latest/vm-id", "/latest/user-data"]) {
          await exchange.send(format({ target }, PROXY.host));
          assertEquals((await exchange.receive()).body, bytesOf(METADATA[target.slice("/latest/".length)]!));
        }
      });

      await context.step("requests sent without waiting for the answers", async () => {
        using exchange = await open(PROXY);
        const keys = ["vm-id", "user-data", "instance-id", "empty", "local-ipv4"];
        await exchange.send(keys.map((key) => format({ target: `/latest/${key}` }, PROXY.host)).join(""));
        for (const key of keys) assertEquals((await exchange.receive()).body, bytesOf(METADATA[key]!), key);
      });

      await context.step("a client that goes away in the middle of a body", async () => {
        for (let i = 0; i < 5; i++) {
          using exchange = await open(PROXY);
          await exchange.send(format({ target: "/latest/huge" }, PROXY.host));
        }
        const { status } = await ask(PROXY, { what: "" });
        assertEquals(status, 200);
      });
      assertEquals(program.lines.filter((line) => / (error|fatal) /.test(line)), []);
    },
  );
}

function format(
  { target, method = "GET", version = "1.1", headers = {} }: Omit<Case, "what"> & { readonly target: string },
  host: string,
): string {
  const fields = Object.entries({ Host: host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/${version}\r\n${fields.join("")}\r\n`;
}

/** What the program makes of an answer: no body with an error, and a Location of its own instead of the router's. */
function asPassed(response: RawResponse): RawResponse {
  const isError = response.status >= 400;
  const headers = response.headers
    .filter(([name]) => !(isError && OF_AN_ERROR_PAGE.has(name)))
    .map(([name, value]) =>
      [name, name === "location" ? value.replace("http://10.1.1.1/", `http://${PROXY.host}/`) : value] as const
    );
  return { ...response, headers, body: isError ? new Uint8Array() : response.body };
}

/**
 * Takes away what is rightly added: the length of a short body that came in chunks, and, in a program compiled with Deno
 * before 2.9, what keeps Deno's web server from compressing and what that adds itself.
 */
function withoutAdditions(proxied: RawResponse, direct: RawResponse): RawResponse {
  const isAdded = ([name, value]: readonly [string, string]) =>
    (direct.framing === "chunked" && name === "content-length") ||
    (DENO_COMPRESSES && ADDITIONS.get(name) === value &&
      !direct.headers.some(([key, same]) => key === name && same === value));
  return { ...proxied, headers: proxied.headers.filter((field) => !isAdded(field)) };
}

const ADDITIONS = new Map([["cache-control", "no-transform"], ["vary", "Accept-Encoding"]]);

const OF_AN_ERROR_PAGE = new Set([
  "accept-ranges",
  "content-type",
  "content-length",
  "content-encoding",
  "etag",
  "last-modified",
]);

async function comparable({ status, headers, body }: RawResponse): Promise<unknown> {
  const isError = status >= 400;
  const kept = headers.filter(([name]) => !HOP_BY_HOP.has(name) && !(isError && name === "content-length"));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body.slice()));
  return {
    status,
    headers: kept.map(([name, value]) => `${name}: ${value}`).sort(),
    length: body.length,
    text: latin1(body.subarray(0, 80)),
    digest: latin1(digest),
  };
}

function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}
