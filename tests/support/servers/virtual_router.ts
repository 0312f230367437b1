/**
 * A CloudStack virtual router in one file: a DHCP server and a web server with the metadata of its guests. It serves the
 * demo, where no real server need be installed, and tests in which the router misbehaves.
 *
 * Run as a process it prints a line for everything it hears and says, and obeys the lines it is sent: `serve`, `refuse`
 * (nobody listens on port 80), `hang` (connections are accepted and never answered), `silence` (DHCP is ignored) and
 * `speak` (it no longer is).
 *
 * @module
 */

import { createDhcpResponder } from "./virtual_router_dhcp.ts";
import type { Guest } from "./virtual_router_dhcp.ts";
import { createMetadataHandler } from "./virtual_router_web.ts";
import type { Metadata } from "./metadata.ts";
import type { Host } from "../net/network.ts";
import type { Process } from "../net/process.ts";
import { startScript } from "../net/script.ts";

/** What a router is and knows. */
export interface VirtualRouterOptions {
  /** Its own address, in a /24, on an interface that has it already. */
  readonly address: string;
  /** The default route it hands out (default: its own address). */
  readonly gateway?: string;
  readonly guests: readonly (Guest & { readonly metadata: Metadata })[];
  /** How it behaves at first (default: `serve` and `speak`). */
  readonly modes?: readonly Mode[];
}

/** How a router can be told to behave. */
export type Mode = "serve" | "refuse" | "hang" | "speak" | "silence";

/** Starts a virtual router as a process inside a host. */
export async function startVirtualRouter(host: Host, options: VirtualRouterOptions): Promise<Process> {
  const process = startScript(host, "servers/virtual_router.ts", [JSON.stringify(options)]);
  await process.waitForLine(/^router ready$/);
  return process;
}

/** Tells a router that runs as a process how to behave from now on, and waits until it does. */
export async function setMode(router: Process, mode: Mode): Promise<void> {
  const from = router.lines.length;
  await router.send(mode);
  await router.waitForLine(new RegExp(`^now ${mode}$`), { from });
}

/** A router at work in this process. */
export interface VirtualRouter extends AsyncDisposable {
  set(mode: Mode): Promise<void>;
}

/** Creates a virtual router. `report` is called with a line for everything that happens. */
export async function createVirtualRouter(
  { address, gateway = address, guests, modes = [] }: VirtualRouterOptions,
  report: (line: string) => void,
): Promise<VirtualRouter> {
  const dhcp = createDhcpResponder({ address, gateway, guests }, report);
  const handler = createMetadataHandler(guests, report);
  let closeWeb: () => Promise<void> = () => Promise.resolve();

  const router: VirtualRouter = {
    async set(mode) {
      if (mode === "speak" || mode === "silence") return void (dhcp.silent = mode === "silence");
      await closeWeb();
      closeWeb = () => Promise.resolve();
      if (mode === "hang") closeWeb = acceptAndHang(address);
      if (mode === "serve") {
        const abort = new AbortController();
        const server = Deno.serve({ hostname: address, port: 80, signal: abort.signal, onListen() {} }, handler);
        // Kept connections end too: a router that stops is gone.
        closeWeb = () => (abort.abort(), server.finished);
      }
    },
    async [Symbol.asyncDispose]() {
      await closeWeb();
      await dhcp.close();
    },
  };
  for (const mode of modes.length === 0 ? ["serve" as const] : modes) await router.set(mode);
  return router;
}

/** Accepts connections and never answers. Returns what ends it. */
function acceptAndHang(hostname: string): () => Promise<void> {
  const listener = Deno.listen({ hostname, port: 80 });
  const held: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) held.push(connection);
  })();
  return async () => {
    listener.close();
    await accepting;
    for (const connection of held) connection.close();
  };
}

if (import.meta.main) {
  const options: VirtualRouterOptions = JSON.parse(Deno.args[0]!);
  const router = await createVirtualRouter(options, (line) => console.log(line));
  console.log("router ready");
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    for (const mode of text.trim().split("\n")) {
      await router.set(mode as Mode);
      console.log(`now ${mode}`);
    }
  }
}
