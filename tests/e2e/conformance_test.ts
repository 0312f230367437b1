import { assertEquals } from "@std/assert";
import { latin1 } from "../support/latin1.ts";
import type { RawResponse } from "../support/net/http.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene } from "../support/scene.ts";
import { WEB_SERVERS } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { CASES, EXTRA, METADATA } from "./conformance_cases.ts";
import type { Case } from "./conformance_cases.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx or Apache)
//
// Every request is made twice, of the router and of the program, and the answers are laid side by side.

const ROUTER = { hostname: "10.1.1.1", port: 80, host: "10.1.1.1" };
const PROXY = { hostname: "169.254.169.254", port: 39724, host: "169.254.169.254:39724" };

/** Of one connection, not of the message; and the clock, which goes on between the two requests. */
const HOP_BY_HOP = new Set(["connection", "keep-alive", "transfer-encoding", "date"]);

for (const server of WEB_SERVERS) {
  networkTest(
    `mdproxy4cs passes what ${server} answers: statuses, headers, bytes`,
    { programs: ["dnsmasq", server === "nginx" ? "nginx" : "apache2"] },
    async (context) => {
      await using scene = await createScene({
        router: {
          web: server,
          metadata: { [GUEST.address]: METADATA },
          extra: EXTRA[server],
        },
        args: ["--cache-ttl", "0"],
      });
      const { program } = scene;
      const ask = async (to: typeof ROUTER, { target = "/latest/vm-id", method, headers, version }: Case) => {
        using exchange = await scene.open(to);
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
        using exchange = await scene.open(PROXY);
        for (const target of ["/latest/vm-id", "/latest/user-data"]) {
          await exchange.send(format({ target }, PROXY.host));
          assertEquals((await exchange.receive()).body, bytesOf(METADATA[target.slice("/latest/".length)]!));
        }
      });

      await context.step("requests sent without waiting for the answers", async () => {
        using exchange = await scene.open(PROXY);
        const keys = ["vm-id", "user-data", "instance-id", "empty", "local-ipv4"];
        await exchange.send(keys.map((key) => format({ target: `/latest/${key}` }, PROXY.host)).join(""));
        for (const key of keys) assertEquals((await exchange.receive()).body, bytesOf(METADATA[key]!), key);
      });

      await context.step("a client that goes away in the middle of a body", async () => {
        for (let i = 0; i < 5; i++) {
          using exchange = await scene.open(PROXY);
          await exchange.send(format({ target: "/latest/huge" }, PROXY.host));
        }
        const { status } = await ask(PROXY, { what: "" });
        assertEquals(status, 200);
      });
      assertEquals(program.lines.filter((line) => /^\S+ (warn|error) /.test(line)), []);
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

/** Takes away what is rightly added: the length of a short body that came in chunks. */
function withoutAdditions(proxied: RawResponse, direct: RawResponse): RawResponse {
  if (direct.framing !== "chunked") return proxied;
  return { ...proxied, headers: proxied.headers.filter(([name]) => name !== "content-length") };
}

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
