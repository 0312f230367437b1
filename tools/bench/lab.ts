/**
 * The benchmark's network, a router made of dnsmasq and nginx and a guest, and who is compared in that guest.
 *
 * ```
 *   guest eth0 10.1.1.50 ---- lan ---- eth0 10.1.1.1 router (or 10.1.1.2, once it moved)
 * ```
 *
 * The router is the guest's default gateway, as in CloudStack's isolated networks.
 *
 * nginx rather than Apache, CloudStack's own, because it takes less of the processors that are measured: what is in
 * front of it shows the more. It keeps no access log.
 *
 * @module
 */

import type { Process } from "../../tests/support/net/process.ts";
import { UNIT_ENVIRONMENT } from "../../tests/support/net/unit.ts";
import { createScene, LISTEN } from "../../tests/support/scene.ts";
import type { Scene } from "../../tests/support/scene.ts";
import { nginxConfig, sampleMetadata } from "../../tests/support/servers/metadata.ts";
import { GUEST } from "../../tests/support/servers/router.ts";
import { ensureBundle, run } from "../bundle.ts";
import { compileArguments, findCompiler } from "../compile.ts";
import { filePath } from "../file_path.ts";
import { BINARY, programFlags } from "../program.ts";
import type { Sample } from "./table.ts";

/** What is asked for: about what BOSH puts there. */
export const USER_DATA_PATH = "/latest/user-data";
export const BODY_PATH = "/latest/meta-data/body";
export const BODY_BYTES = 50_000_000;
export const ROUTER = "10.1.1.1";

/** Creates the network; who is measured comes later. */
export function createLab(): Promise<Scene> {
  const metadata = {
    ...sampleMetadata(GUEST.address),
    "user-data": JSON.stringify({ agent_id: "agent-1", blob: "x".repeat(1_000) }),
    body: new Uint8Array(BODY_BYTES),
  };
  return createScene({
    // With tcp_nopush head and body leave in one piece.
    router: { metadata: { [GUEST.address]: metadata }, extra: "access_log off; sendfile on; tcp_nopush on;" },
    args: "none",
    async prepare({ guest }) {
      // As the unit's pre-start.sh does.
      await guest.ip(`address add ${LISTEN.hostname}/32 dev lo`);
      await guest.ip(`route add default via ${ROUTER}`);
    },
  });
}

/** Brings the router up at its other address; the one it had is gone. Resolves when it serves there. */
export async function moveRouter({ router }: Scene): Promise<void> {
  // Without an address its servers can tell nobody that they end.
  await router.host.ip("address flush dev eth0");
  await router.stop();
  await router.start(router.address === ROUTER ? "10.1.1.2" : ROUTER);
}

/** One column of the table. */
export interface Contender {
  readonly name: string;
  /** The router itself, which runs anyway; what only answers; what passes on what the router says; what also finds it. */
  readonly role: "router" | "bare" | "proxy" | "program";
  /** Where it listens, as in `http://169.254.169.254:8001`. */
  readonly origin: string;
  readonly argv: readonly string[];
}

/** A contender at work, and what its start says. Nothing can be said of what runs anyway. */
export type Running = Contender & { readonly process?: Process; readonly started: Sample };

/** Prepares all, with files in a folder, in the order of their columns. `references` are programs with the same flags, by name. */
export async function prepareContenders(folder: string, references: Record<string, string>): Promise<Contender[]> {
  const { deno, version, env } = await findCompiler();
  const bare = `${folder}/bare`;
  await run(deno, [...compileArguments(version), `--output=${bare}`, "tools/bench/bare.ts"], env);
  const runtime = Deno.version.deno;
  // Without a code cache, as a release is.
  const flags = ["--quiet", "--no-config", "--no-code-cache", ...programFlags(runtime)];
  const source = [Deno.execPath(), "run", ...flags, await ensureBundle()];
  const programs: Record<string, string | string[]> = {
    mdproxy4cs: BINARY,
    // The runtime that a release has, where the compiler is an older one: the same code, not compiled.
    ...version === runtime ? {} : { [`Deno ${runtime}`]: ["env", `DENO_DIR=${folder}/deno`, ...source] },
    ...references,
  };
  const contenders: Contender[] = [{ name: "direct", role: "router", origin: `http://${ROUTER}`, argv: [] }];
  const add = (name: string, role: Contender["role"], command: (port: string) => string[]) => {
    const port = `${8_000 + contenders.length}`; // lower than those that the kernel gives to clients
    contenders.push({ name, role, origin: `http://${LISTEN.hostname}:${port}`, argv: command(port) });
  };
  add("nginx", "proxy", (port) => reverseProxy(folder, port));
  add("bare Deno", "bare", (port) => [bare, LISTEN.hostname, port]);
  add("bare proxy", "bare", (port) => [bare, LISTEN.hostname, port, ROUTER]);
  for (const [name, path] of Object.entries(programs)) {
    const command = (port: string) => [...[path].flat(), "--iname=eth0", `--http-listen=${LISTEN.hostname}:${port}`];
    add(name, "program", command);
    add(`${name} uncached`, "program", (port) => [...command(port), "--cache-ttl=0"]);
  }
  return contenders;
}

/** The command line of nginx as a reverse proxy: one process, like the others; connections are kept on both sides. */
export function reverseProxy(folder: string, port: string): string[] {
  const config = nginxConfig(folder, {
    http: `upstream router { server ${ROUTER}:80; keepalive 32; keepalive_requests 1000000; }`,
    listen: `${LISTEN.hostname}:${port}`,
    server: `access_log off;
      location / { proxy_pass http://router; proxy_http_version 1.1; proxy_set_header Connection ""; }`,
  });
  Deno.writeTextFileSync(`${folder}/proxy.conf`, config);
  return ["nginx", "-c", `${folder}/proxy.conf`];
}

/** Starts a contender afresh, if it does not run anyway. */
export async function start(scene: Scene, contender: Contender): Promise<Running> {
  if (contender.role === "router") return { ...contender, started: {} };
  const { ready, answer } = poll(scene, contender);
  await ready;
  // Everybody is started as the program is in a VM: the unit tells malloc what to do.
  const alone = ["unshare", "--mount", "bash", "-c", ALONE, "bash"];
  const process = scene.guest.start([...alone, ...contender.argv], { env: UNIT_ENVIRONMENT });
  const execAt = Number(await process.waitForLine(/^\d+\.\d+$/));
  const { acceptedAt, answeredAt } = await answer;
  const started = { accept: (acceptedAt - execAt) * 1e3, firstByte: (answeredAt - execAt) * 1e3 };
  return { ...contender, process, started };
}

/** As by a unit of its own: with a /run that no other has, and the journal behind standard output. First the exec's time is said. */
const ALONE = 'mount -t tmpfs tmpfs /run; echo "$EPOCHREALTIME"; JOURNAL_STREAM=0:0 exec "$@"';

/** Asks until a good answer comes; tells when it was accepted and its first byte came, in seconds since 1970. */
export function poll({ guest }: Scene, { origin }: Contender) {
  const { hostname, port } = new URL(origin);
  const client = guest.start(["bash", filePath("poll.sh", import.meta.url), hostname, port, USER_DATA_PATH]);
  const answer: Promise<{ acceptedAt: number; answeredAt: number }> = client.waitForLine(/^\{/).then(JSON.parse);
  return { ready: client.waitForLine(/^ready$/), answer };
}
