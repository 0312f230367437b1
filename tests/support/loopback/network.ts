/**
 * Networks on loopback, for machines that refuse namespaces, as a plain container does: the same hosts, segments and
 * processes as in `net/network.ts`, as far as Deno's own programs and curl are concerned. See `preload.ts`.
 *
 * The program is `deno run` of its bundle, with its own permissions; only what they say of the folders below is written
 * for folders of the test's, so that two tests, and the machine itself, do not meet there.
 *
 * @module
 */

import { READABLE, WRITABLE } from "../../../lib/system/permissions.ts";
import { RUNTIME_FOLDER } from "../../../lib/system/runtime_folder.ts";
import { ensureBundle } from "../../../tools/bundle.ts";
import { filePath } from "../../../tools/file_path.ts";
import { programFlags } from "../../../tools/program.ts";
import { runCommand, startProcess } from "../net/process.ts";
import type { CommandOptions } from "../net/process.ts";
import type { Host, Network, Port } from "../net/network.ts";
import { toLoopback, toLoopbackPort, toOwnPath } from "./preload.ts";
import type { Stage } from "./preload.ts";

const PRELOAD = filePath("preload.ts", import.meta.url);
const LISTEN_ADDRESS = "169.254.169.254";
const ROOTS = [...new Set([...READABLE, ...WRITABLE, RUNTIME_FOLDER])];

/** What the program is called in a command line, wherever it is. */
const PROGRAM = /(^|\/)mdproxy4cs[^/]*$/;

/** A host of a network on loopback. */
interface Member {
  readonly name: string;
  port?: Port;
}

/** Creates an empty network on loopback. */
export async function createLoopbackNetwork(): Promise<Network> {
  const bundle = await ensureBundle();
  const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
  const resources = new AsyncDisposableStack();
  resources.defer(() => Deno.remove(folder, { recursive: true }));
  const number = 2 + Math.floor(Math.random() * 253);
  const members: Member[] = [];
  /** Where routers may stand, and their guest. */
  const addresses = ["10.1.1.1", "10.1.1.2", "10.1.1.50"];

  const createHost = async (name: string): Promise<Host> => {
    const member: Member = { name };
    members.push(member);
    const own = `${folder}/${name}`;
    for (const root of [...WRITABLE, RUNTIME_FOLDER.slice(0, RUNTIME_FOLDER.lastIndexOf("/"))]) {
      await Deno.mkdir(own + root, { recursive: true });
    }
    const stage = (): Stage => {
      const address = member.port?.address?.split("/")[0] ?? "10.1.1.50";
      return {
        number,
        addresses: [address, ...addresses.filter((other) => other !== address)],
        ownAddresses: name === "guest" ? [LISTEN_ADDRESS] : [],
        mac: member.port?.mac ?? "02:00:0a:01:01:01",
        gateway: undefined,
        peer: name === "guest" ? "127.0.0.1" : "10.1.1.50",
        folder: own,
        roots: ROOTS,
      };
    };
    const enter = ([command = "", ...args]: readonly string[]): string[] => {
      if (command === "curl") return ["curl", ...connectTo(number), ...args];
      const deno = Deno.execPath();
      if (command === deno) return kill([deno, args[0]!, `--preload=${PRELOAD}`, ...args.slice(1)]);
      if (!PROGRAM.test(command)) throw new Error(`Not on loopback: ${command} ${args.join(" ")}`);
      const flags = programFlags(Deno.version.deno).map((flag) => moveRoots(flag, own));
      const quiet = ["--quiet", "--no-config", "--no-lock", "--no-check", "--no-remote", "--no-code-cache"];
      return kill([deno, "run", ...quiet, ...flags, `--preload=${PRELOAD}`, bundle, ...args]);
    };
    const options = ({ env = {}, ...rest }: CommandOptions = {}): CommandOptions => ({
      ...rest,
      env: { DENO_DIR: `${folder}/deno`, NO_COLOR: "1", ...env, MDPROXY4CS_LOOPBACK: JSON.stringify(stage()) },
    });
    const host: Host = {
      name,
      pid: Deno.pid,
      run: (argv, given) => runCommand(enter(argv), options(given)),
      async must(argv, given) {
        const { code, stdout, stderr } = await host.run(argv, given);
        if (code !== 0) throw new Error(`${name}: ${argv.join(" ")} exited with ${code}: ${stderr.trim()}`);
        return stdout;
      },
      start: (argv, given) => resources.use(startProcess(enter(argv), options(given))),
      ip(words) {
        const [, address] = /^address add (\S+) dev eth0$/.exec(words.trim()) ?? [];
        if (address !== undefined) member.port = { ...member.port, iface: "eth0", address };
        else if (words.trim() !== "address flush dev eth0") throw new Error(`Not on loopback: ip ${words}`);
        return Promise.resolve();
      },
      async write(path, text) {
        const target = toOwnPath(path, { folder: own, roots: ROOTS });
        await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
        await Deno.writeTextFile(target, text);
      },
    };
    return host;
  };

  return {
    folder,
    own: (resource) => void resources.use(resource),
    createHost,
    createSegment: () =>
      Promise.resolve({
        attach(host, port) {
          members.find(({ name }) => name === host.name)!.port = port;
          return Promise.resolve();
        },
      }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Ends with whoever starts it, however that ends. */
function kill(argv: readonly string[]): string[] {
  return ["setpriv", "--pdeathsig=KILL", "--", ...argv];
}

/** Has curl ask for a URL of the network where it stands on loopback. */
function connectTo(number: number): string[] {
  const hosts = ["10.1.1.1", "10.1.1.2"].map((at) => `${at}:80:${toLoopback(at, number)}:${toLoopbackPort(80)}`);
  const own = [LISTEN_ADDRESS, "127.0.0.1"].map((at) => `${at}::${toLoopback(at, number)}:`);
  return [...hosts, ...own].flatMap((rule) => ["--connect-to", rule]);
}

/** Writes a permission for the host's own folders. */
function moveRoots(flag: string, folder: string): string {
  const [name = "", values] = flag.split("=");
  if (values === undefined || !/^--allow-(read|write|net)$/.test(name)) return flag;
  const moved = values.split(",").map((value) => {
    const [, scheme = "", path = value] = /^(unix:)?(.*)$/.exec(value) ?? [];
    return scheme + toOwnPath(path, { folder, roots: ROOTS });
  });
  return `${name}=${moved.join(",")}`;
}
