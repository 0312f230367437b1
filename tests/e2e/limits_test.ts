import { assert, assertEquals, assertMatch } from "@std/assert";
import { createNetwork } from "../support/net/network.ts";
import type { Network } from "../support/net/network.ts";
import { createExchange } from "../support/net/http.ts";
import type { Exchange } from "../support/net/http.ts";
import type { Process } from "../support/net/process.ts";
import { createGuest, startProgram } from "../support/net/program.ts";
import { startRelay } from "../support/net/relay.ts";
import { networkTest } from "../support/net/network_test.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST, startRouter } from "../support/servers/router.ts";
import type { Router } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const SERVERS = { programs: ["dnsmasq", "nginx"] } as const;
const HOST = "Host: 169.254.169.254:39724";

interface Scene {
  readonly program: Process;
  readonly router: Router;
  /** Opens a connection to the program. */
  readonly open: () => Promise<Exchange & Disposable>;
}

async function createScene(network: Network, args: readonly string[], extra = ""): Promise<Scene> {
  const lan = await network.createSegment();
  const guest = await createGuest(network, lan);
  const metadata = { ...sampleMetadata(GUEST.address), large: new Uint8Array(20_000_000) };
  const router = await startRouter(network, lan, { metadata: { [GUEST.address]: metadata }, extra });
  const program = await startProgram(guest, ["--cache-ttl", "0", ...args]);
  const dial = await startRelay(network, guest);
  const open = async () => {
    const connection = await dial("169.254.169.254", 39724);
    return Object.assign(createExchange(connection), { [Symbol.dispose]: () => connection.close() });
  };
  return { program, router, open };
}

networkTest("a client that sends half a request is dropped", SERVERS, async () => {
  await using network = await createNetwork();
  const { open } = await createScene(network, ["--idle-timeout", "1s"]);
  for (const half of ["", "GET /latest/vm-id HT", `GET /latest/vm-id HTTP/1.1\r\n${HOST}\r\nX-Half`]) {
    using exchange = await open();
    await exchange.send(half);
    const rest = new TextDecoder().decode(await exchange.rest());
    assert(rest === "" || rest.startsWith("HTTP/1.1 4"), rest);
  }
});

networkTest(
  "a client that reads nothing is dropped, and the router is no longer kept busy for it",
  SERVERS,
  async () => {
    await using network = await createNetwork();
    const { open, program, router } = await createScene(network, ["--idle-timeout", "1s"]);
    using exchange = await open();
    await exchange.send(`GET /latest/large HTTP/1.1\r\n${HOST}\r\n\r\n`);
    assertMatch(await program.waitForLine(/\ban answer was cut\b/), /path=\/latest\/large .*client/);
    await router.web.waitForLine(/"GET \/latest\/large HTTP\/1\.1"/);
  },
);

networkTest("a client that goes away frees the router at once", SERVERS, async () => {
  await using network = await createNetwork();
  const { open, router } = await createScene(network, [], "limit_rate 100k;");
  {
    using exchange = await open();
    await exchange.send(`GET /latest/large HTTP/1.1\r\n${HOST}\r\n\r\n`);
    await exchange.peek();
  }
  // At its rate the whole answer would take minutes; nginx writes its line when the connection is gone.
  await router.web.waitForLine(/"GET \/latest\/large HTTP\/1\.1"/);
});

networkTest("requests beyond --max-requests get an empty 503 that says when to come back", SERVERS, async () => {
  await using network = await createNetwork();
  const { open } = await createScene(network, ["--max-requests", "2"], "limit_rate 100k;");
  using first = await open();
  using second = await open();
  for (const exchange of [first, second]) {
    await exchange.send(`GET /latest/large HTTP/1.1\r\n${HOST}\r\n\r\n`);
    await exchange.peek();
  }
  using third = await open();
  await third.send(`GET /latest/vm-id HTTP/1.1\r\n${HOST}\r\n\r\n`);
  const { status, headers, body } = await third.receive();
  assertEquals([status, body.length], [503, 0]);
  assertMatch(new Map(headers).get("retry-after") ?? "", /^\d+$/);
});
