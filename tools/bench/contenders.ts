/**
 * Who is compared, and how each is started.
 *
 * @module
 */

import { bundle } from "../bundle.ts";
import { findCompiler } from "../compile.ts";
import { BINARY, programFlags, TOP } from "../program.ts";
import { LISTEN_ADDRESS, ROUTER } from "./lab.ts";
import { YARDSTICK } from "./table.ts";

/** One column of the table. */
export interface Contender {
  readonly name: string;
  /** Where it listens, as in `http://169.254.169.254:39724`. */
  readonly origin: string;
  /** What to run; `undefined` for what runs anyway. */
  readonly argv: readonly string[] | undefined;
  /** Whether it passes on what the router says. */
  readonly forwards: boolean;
  /** Whether it finds the router by itself. */
  readonly discovers: boolean;
}

/** Prepares all contenders, in the order of their columns. `folder` is for their files. */
export async function prepareContenders(
  { folder, references }: { readonly folder: string; readonly references: readonly string[] },
): Promise<Contender[]> {
  const at = (port: number) => `http://${LISTEN_ADDRESS}:${port}`;
  const program = (path: string | readonly string[], port: number, ...more: string[]) => [
    ...[path].flat(),
    ...["--iname=eth0", `--http-listen=${LISTEN_ADDRESS}:${port}`, "--log-level=info", ...more],
  ];
  // The runtime that a release has, where the compiler is an older one: the same code, not compiled.
  const source = (await findCompiler()).version === Deno.version.deno
    ? []
    : [Deno.execPath(), "run", "--quiet", "--no-config", ...programFlags(Deno.version.deno), await bundle(folder)];
  const bare = `${folder}/bare`;
  const bareProxy = `${folder}/bare-proxy`;
  await compileBare("bare.ts", bare);
  await compileBare("bare_proxy.ts", bareProxy);
  await Deno.writeTextFile(`${folder}/proxy.conf`, nginxConfig({ folder, port: 39721 }));
  return [
    { name: "direct", origin: `http://${ROUTER}`, argv: undefined, forwards: true, discovers: false },
    {
      name: YARDSTICK,
      origin: at(39721),
      argv: ["nginx", "-c", `${folder}/proxy.conf`],
      forwards: true,
      discovers: false,
    },
    { name: "bare Deno", origin: at(39722), argv: [bare, LISTEN_ADDRESS, "39722"], forwards: false, discovers: false },
    {
      name: "bare proxy",
      origin: at(39723),
      argv: [bareProxy, LISTEN_ADDRESS, "39723", ROUTER],
      forwards: false,
      discovers: false,
    },
    { name: "mdproxy4cs", origin: at(39724), argv: program(BINARY, 39724), forwards: true, discovers: true },
    {
      name: "uncached",
      origin: at(39725),
      argv: program(BINARY, 39725, "--cache-ttl=0"),
      forwards: true,
      discovers: true,
    },
    ...source.length === 0 ? [] : [
      {
        name: `Deno ${Deno.version.deno}`,
        origin: at(39726),
        argv: program(source, 39726),
        forwards: true,
        discovers: true,
      },
      {
        name: `uncached ${Deno.version.deno}`,
        origin: at(39727),
        argv: program(source, 39727, "--cache-ttl=0"),
        forwards: true,
        discovers: true,
      },
    ],
    ...references.flatMap((path, i) => {
      const name = i === 0 ? "reference" : `reference ${i + 1}`;
      const port = 39728 + 2 * i;
      return [
        { name, origin: at(port), argv: program(path, port), forwards: true, discovers: true },
        {
          name: `${name} uncached`,
          origin: at(port + 1),
          argv: program(path, port + 1, "--cache-ttl=0"),
          forwards: true,
          discovers: true,
        },
      ];
    }),
  ];
}

async function compileBare(source: string, output: string): Promise<void> {
  const { deno, version, env } = await findCompiler();
  const compiler = new Deno.Command(deno, {
    args: [
      ...["compile", "--quiet", "--no-config", "--no-check", "--no-code-cache", ...programFlags(version)],
      ...[`--output=${output}`, `${TOP}/tools/bench/${source}`],
    ],
    env,
  });
  const { success, stderr } = await compiler.output();
  if (!success) throw new Error(`Cannot compile ${source}: ${new TextDecoder().decode(stderr)}`);
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
    listen ${LISTEN_ADDRESS}:${port} backlog=1024;
    location / {
      proxy_pass http://router;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}
