/**
 * A virtual router that fails on demand: a DHCP server and a web server with the metadata of its guests, in one process. It
 * serves the demo, where no real server need be installed, and tests in which the router misbehaves.
 *
 * It prints a line for everything it hears and says, and obeys the lines it is sent: `serve`, `refuse` (nobody listens on
 * port 80), `hang` (connections are accepted and never answered), `silence` (DHCP is ignored) and `speak` (it no longer is).
 * While it serves, certain paths go wrong (`FAULTS`).
 *
 * @module
 */

import { composeAnswer } from "../../e2e/fuzz_answers.ts";
import { createChance } from "../../e2e/fuzz_requests.ts";
import { createDhcpResponder } from "./scripted_dhcp.ts";
import type { Guest } from "./scripted_dhcp.ts";
import { FAULTS, RESETS } from "./scripted_faults.ts";
import { readMetadata, serveMetadata } from "./scripted_metadata.ts";
import { startScriptedServer } from "./scripted_server.ts";
import type { Script, ScriptedServer } from "./scripted_server.ts";
import type { Metadata } from "./metadata.ts";
import type { Host } from "../net/network.ts";
import type { Process } from "../net/process.ts";
import { startScript } from "../net/script.ts";
import { pause } from "../pause.ts";

/** What a router is and knows. */
export interface ScriptedRouterOptions {
  /** Its own address, in a /24, on an interface that has it already. */
  readonly address: string;
  /** The default route it hands out (default: its own address). */
  readonly gateway?: string;
  readonly guests: readonly (Guest & { readonly metadata?: Metadata })[];
  /** What its DHCP server calls itself and offers, an answer for each (default: its address, and the guest's). */
  readonly names?: readonly string[];
  /** Where the metadata of its guests are, as files, if they are not among `guests`. */
  readonly documents?: string;
  /** How it behaves at first (default: `serve` and `speak`). */
  readonly modes?: readonly Mode[];
  /** Whether it has a DHCP server at all (default: yes). */
  readonly dhcp?: boolean;
  /** How long it takes over each answer (default: no time). */
  readonly delayMs?: number;
  /** How many bytes a second each connection gets (default: as many as it takes). */
  readonly rate?: number | undefined;
  /** Whether it prints every byte that reaches port 80, as lines of JSON: `{ head }`, and `{ rest }` for what is none. */
  readonly records?: boolean;
  /** From what seed `/latest/fuzz?NUMBER` is answered with broken answers; it tells none of that (default: not at all). */
  readonly fuzzSeed?: number;
}

/** How a router can be told to behave. */
export type Mode = "serve" | "refuse" | "hang" | "speak" | "silence";

/** Starts a router as a process inside a host. */
export async function startScriptedRouter(host: Host, options: ScriptedRouterOptions): Promise<Process> {
  const process = startScript(host, "servers/scripted_router.ts", [JSON.stringify(options)]);
  await process.waitForLine(/^router ready$/);
  return process;
}

/** Tells a router how to behave from now on, and waits until it does. */
export async function setMode(router: Process, mode: Mode): Promise<void> {
  const from = router.lines.length;
  await router.send(mode);
  await router.waitForLine(new RegExp(`^now ${mode}$`), { from });
}

/** Creates a router in this process, which then is one. Returns what makes it behave otherwise. */
async function runRouter(options: ScriptedRouterOptions): Promise<(mode: Mode) => Promise<void>> {
  const { address, gateway = address, guests, names, documents, modes = ["serve"], dhcp = true, rate } = options;
  const { delayMs = 0, records = false } = options;
  const report = (line: string) => console.log(line);
  const responder = dhcp ? createDhcpResponder({ address, gateway, guests, names }, report) : undefined;
  const metadata = serveMetadata({
    metadataOf: (remote) =>
      documents === undefined
        ? guests.find(({ address }) => address === remote)?.metadata
        : readMetadata(documents, remote),
    rate,
    report: records ? () => {} : report,
  });
  const asked = new Map<string, number>();
  const fuzz = options.fuzzSeed === undefined ? undefined : createFuzz(options.fuzzSeed);
  const serve: Script = async (heard) => {
    const { head, path, remote } = heard;
    if (fuzz !== undefined && path.startsWith("/latest/fuzz?")) return await fuzz(heard);
    if (delayMs > 0) await pause(delayMs);
    if (records) report(JSON.stringify({ head }));
    const [pathname = ""] = path.split("?");
    const fault = FAULTS[pathname];
    if (fault === undefined) return await metadata(heard);
    asked.set(pathname, (asked.get(pathname) ?? 0) + 1);
    report(`${remote} "${head.split(" ", 1)} ${pathname}" goes wrong`);
    await fault(heard, asked.get(pathname)!);
    return "close";
  };
  const hang: Script = ({ path, closed }) => {
    report(`hangs ${path}`);
    return closed;
  };
  const SCRIPTS: Partial<Record<Mode, Script>> = { serve, hang };
  const onRest = records ? { onRest: (rest: string) => report(JSON.stringify({ rest })) } : {};
  let web: ScriptedServer | undefined;
  const set = async (mode: Mode) => {
    if (mode === "speak" || mode === "silence") {
      if (responder !== undefined) responder.silent = mode === "silence";
      return;
    }
    // Kept connections end too: a router that stops is gone.
    await web?.[Symbol.asyncDispose]();
    const script = SCRIPTS[mode];
    web = script && startScriptedServer(script, { hostname: address, port: 80, resets: RESETS, ...onRest });
  };
  for (const mode of modes) await set(mode);
  return set;
}

/** Answers brokenly, each number always in the same way, and leaves some of the connections open. */
function createFuzz(seed: number): Script {
  return async ({ path, write }) => {
    const number = Number(path.split("?")[1]);
    const chance = createChance(seed * 1_000_003 + number);
    await write(composeAnswer(chance, number));
    if (chance.below(8) > 0) return "close";
  };
}

if (import.meta.main) {
  const set = await runRouter(JSON.parse(Deno.args[0]!));
  console.log("router ready");
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    for (const mode of text.trim().split("\n")) {
      await set(mode as Mode);
      console.log(`now ${mode}`);
    }
  }
  Deno.exit();
}
