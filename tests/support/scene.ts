/**
 * The scene that nearly every end-to-end test begins with: a guest, a segment, a router of real servers, and the program at
 * work in the guest. All of it is gone when the scene is disposed of.
 *
 * ```
 *   await using scene = await createScene({ args: ["--cache-ttl", "0"] });
 *   const { guest, router, program } = scene;             guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router
 *   assertEquals((await scene.get("/latest/vm-id")).status, 200);
 * ```
 *
 * What is not wanted from the start is left out (`"none"`) and started later through the scene.
 *
 * @module
 */

import { createExchange } from "./net/http.ts";
import type { Exchange } from "./net/http.ts";
import { createNetwork } from "./net/network.ts";
import type { Host, Network, Segment } from "./net/network.ts";
import type { Needs } from "./net/network_test.ts";
import type { Process } from "./net/process.ts";
import { createGuest, get, getUntilGood, startProgram } from "./net/program.ts";
import type { Answer, ProgramOptions } from "./net/program.ts";
import { startRelay } from "./net/relay.ts";
import type { Dial } from "./net/relay.ts";
import { startRouter } from "./servers/router.ts";
import type { Router, RouterOptions } from "./servers/router.ts";

/** What a test needs for the usual router of real servers. */
export const SERVERS: Needs = { programs: ["dnsmasq", "nginx"] };

/** What a test needs for the usual router that asks nothing more of it than DHCP and metadata: loopback has a stand-in. */
export const ROUTER: Needs = { servers: ["dnsmasq", "nginx"], network: "any" };

/** What a test needs that brings its own router, or does without. */
export const NO_SERVERS: Needs = { network: "any" };

/** Where the program listens unless told otherwise. */
export const LISTEN = { hostname: "169.254.169.254", port: 39724, host: "169.254.169.254:39724" } as const;

/** What is different from the usual scene. */
export interface SceneOptions extends ProgramOptions {
  /** The guest's `eth0`: with its address (the default), without one, or not there at all. */
  readonly guest?: "addressed" | "unaddressed" | "unplugged";
  /** How the router is set up; `none`: the test starts one later, or never. */
  readonly router?: RouterOptions | "none";
  /** What is done in between: the router is up, the program is not. */
  readonly prepare?: (scene: Scene) => Promise<unknown>;
  /** The program's arguments; `none`: the test starts it later, or never. */
  readonly args?: readonly string[] | "none";
}

/** A scene at work. */
export interface Scene extends AsyncDisposable {
  readonly network: Network;
  readonly lan: Segment;
  readonly guest: Host;
  /** The router that was started first. @throws {Error} If none was. */
  readonly router: Router;
  /** The program that was started last. @throws {Error} If none was. */
  readonly program: Process;
  /** Starts a router on the segment. */
  startRouter(options?: RouterOptions): Promise<Router>;
  /** Starts the program in the guest and waits until it listens. */
  startProgram(args?: readonly string[], options?: ProgramOptions): Promise<Process>;
  /** Adds a host with an address on the segment. */
  addHost(name: string, address: string): Promise<Host>;
  /** Has curl in the guest ask for a path through the program, or for a full URL. */
  get(path: string, curlArgs?: readonly string[]): Promise<Answer>;
  /** Asks again and again until the answer is 200, as an agent does. */
  getUntilGood(path: string): ReturnType<typeof getUntilGood>;
  /** What the first router has logged that holds the text, once it has logged all that it had answered by now. */
  asked(text?: string): Promise<string[]>;
  /** Opens a connection from the guest, to the program unless told otherwise, to speak byte by byte. */
  open(to?: { readonly hostname: string; readonly port: number }): Promise<Exchange & Disposable>;
  /** Dials from inside the guest. */
  dial: Dial;
}

/** Sets the scene. */
export async function createScene(options: SceneOptions = {}): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const network = stack.use(await createNetwork());
  const lan = await network.createSegment();
  const { guest: port = "addressed", router: routerOptions = {}, args = [], prepare } = options;
  const guest = port === "unplugged"
    ? await network.createHost("guest")
    : await createGuest(network, lan, port === "addressed" ? {} : { address: "" });

  let router: Router | undefined;
  let program: Process | undefined;
  let relay: Promise<Dial> | undefined;
  let marks = 0;
  const scene: Scene = {
    network,
    lan,
    guest,
    get router() {
      return router ?? missing("router");
    },
    get program() {
      return program ?? missing("program");
    },
    async startRouter(options) {
      const started = await startRouter(network, lan, options);
      router ??= started;
      return started;
    },
    async startProgram(args, options) {
      return program = await startProgram(guest, args, options);
    },
    async addHost(name, address) {
      const host = await network.createHost(name);
      await lan.attach(host, { iface: "eth0", address: `${address}/24` });
      return host;
    },
    get: (path, curlArgs) => get(guest, path, curlArgs),
    getUntilGood: (path) => getUntilGood(guest, path),
    async asked(text = "") {
      const { address, web } = scene.router;
      // A web server logs a request when it is over, which its client may know before.
      const mark = `/mark-${++marks}`;
      await get(guest, `http://${address}${mark}`);
      await web.waitForLine(new RegExp(`"GET ${mark}[ "]`));
      return web.lines.filter((line) => line.includes(text));
    },
    dial: async (address, port) => await (await (relay ??= startRelay(network, guest)))(address, port),
    async open({ hostname, port } = LISTEN) {
      const connection = await scene.dial(hostname, port);
      return Object.assign(createExchange(connection), { [Symbol.dispose]: () => connection.close() });
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
  if (routerOptions !== "none") await scene.startRouter(routerOptions);
  await prepare?.(scene);
  if (args !== "none") await scene.startProgram(args, options);
  const resources = stack.move();
  return scene;
}

function missing(what: string): never {
  throw new Error(`The scene has no ${what}: it was left out and not started`);
}
