/**
 * Who is compared, and how each is started.
 *
 * @module
 */

import type { Process } from "../../tests/support/net/process.ts";
import { LISTEN } from "../../tests/support/scene.ts";
import type { Scene } from "../../tests/support/scene.ts";
import { ensureBundle, run } from "../bundle.ts";
import { compileArguments, findCompiler } from "../compile.ts";
import { filePath } from "../file_path.ts";
import { BINARY, programFlags } from "../program.ts";
import { ROUTER, USER_DATA_PATH } from "./lab.ts";
import { YARDSTICK } from "./table.ts";

/** One column of the table. */
export interface Contender {
  readonly name: string;
  /** Where it listens, as in `http://169.254.169.254:39724`. */
  readonly origin: string;
  /** What to run; nothing for what runs anyway. */
  readonly argv: readonly string[];
  /** Whether it passes on what the router says. */
  readonly forwards: boolean;
  /** Whether it finds the router by itself. */
  readonly discovers: boolean;
}

/** A contender at work. What runs anyway has no process that could be looked at. */
export interface Running {
  readonly contender: Contender;
  readonly process: Process | undefined;
}

/** Prepares all contenders, in the order of their columns. `references` are programs with the same flags, by name. */
export async function prepareContenders(
  { network: { folder } }: Scene,
  references: Readonly<Record<string, string>>,
): Promise<Contender[]> {
  const { deno, version, env } = await findCompiler();
  for (const name of ["bare", "bare_proxy"]) {
    await run(deno, [...compileArguments(version), `--output=${folder}/${name}`, `tools/bench/${name}.ts`], env);
  }
  const all: Contender[] = [
    { name: "direct", origin: `http://${ROUTER}`, argv: [], forwards: true, discovers: false },
  ];
  const add = (name: string, command: (port: number) => string[], { forwards = true, discovers = false } = {}) => {
    const port = 39_720 + all.length;
    all.push({ name, origin: `http://${LISTEN.hostname}:${port}`, argv: command(port), forwards, discovers });
  };
  const addProgram = (name: string, uncached: string, command: readonly string[]) => {
    const flags = (port: number) => ["--iname=eth0", `--http-listen=${LISTEN.hostname}:${port}`, "--log-level=info"];
    add(name, (port) => [...command, ...flags(port)], { discovers: true });
    add(uncached, (port) => [...command, ...flags(port), "--cache-ttl=0"], { discovers: true });
  };
  add(YARDSTICK, (port) => {
    Deno.writeTextFileSync(`${folder}/proxy.conf`, nginxConfig({ folder, port }));
    return ["nginx", "-c", `${folder}/proxy.conf`];
  });
  add("bare Deno", (port) => [`${folder}/bare`, LISTEN.hostname, `${port}`], { forwards: false });
  add("bare proxy", (port) => [`${folder}/bare_proxy`, LISTEN.hostname, `${port}`, ROUTER], { forwards: false });
  addProgram("mdproxy4cs", "uncached", [BINARY]);
  const runtime = Deno.version.deno;
  // The runtime that a release has, where the compiler is an older one: the same code, not compiled.
  if (version !== runtime) {
    const source = [Deno.execPath(), "run", "--quiet", "--no-config", ...programFlags(runtime), await ensureBundle()];
    addProgram(`Deno ${runtime}`, `uncached ${runtime}`, source);
  }
  for (const [name, path] of Object.entries(references)) addProgram(name, `${name} uncached`, [path]);
  return all;
}

/** nginx as a reverse proxy: one process, like the others; connections are kept on both sides. */
export function nginxConfig({ folder, port }: { readonly folder: string; readonly port: number }): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `
daemon off;
master_process off;
pid ${folder}/proxy.pid;
error_log ${folder}/proxy.log;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000;
  ${temporary.map((use) => `${use}_temp_path ${folder}/proxy-${use};`).join("\n  ")}
  upstream router {
    server ${ROUTER}:80;
    keepalive 32;
    keepalive_requests 1000000;
  }
  server {
    listen ${LISTEN.hostname}:${port} backlog=1024;
    location / {
      proxy_pass http://router;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}

/** Starts a contender afresh; tells when it accepted and when it answered, in milliseconds from its exec. */
export async function startContender(scene: Scene, contender: Contender) {
  const { ready, answer } = poll(scene, contender);
  await ready;
  const process = scene.guest.start(["unshare", "--mount", "bash", "-c", ALONE, "bash", ...contender.argv], {
    env: { DENO_DIR: `${scene.network.folder}/deno`, NO_COLOR: "1" },
  });
  const execAt = Number(await process.waitForLine(/^\d+\.\d+$/));
  const { acceptedAt, answeredAt } = await answer;
  return { contender, process, acceptMs: (acceptedAt - execAt) * 1e3, firstByteMs: (answeredAt - execAt) * 1e3 };
}

/**
 * Everyone has a /run of its own: of several mdproxy4cs with one folder for their sockets only the first has it. The moment of
 * the exec is the first line of the output: seconds since 1970.
 */
const ALONE = 'mount -t tmpfs tmpfs /run; echo "$EPOCHREALTIME"; exec "$@"';

/** Starts all that do not run anyway. */
export async function startAll(scene: Scene, contenders: readonly Contender[]): Promise<Running[]> {
  const running: Running[] = [];
  for (const contender of contenders) {
    const runsAnyway = contender.argv.length === 0;
    running.push(runsAnyway ? { contender, process: undefined } : await startContender(scene, contender));
  }
  return running;
}

/** Asks until a good answer comes; tells when a connection was accepted and the first byte came, in seconds since 1970. */
export function poll({ guest }: Scene, { origin }: Contender) {
  const { hostname, port } = new URL(origin);
  const client = guest.start(["bash", filePath("poll.sh", import.meta.url), hostname, port, USER_DATA_PATH]);
  const answer: Promise<{ acceptedAt: number; answeredAt: number }> = client.waitForLine(/^\{/).then(JSON.parse);
  return { ready: client.waitForLine(/^ready$/), answer };
}
