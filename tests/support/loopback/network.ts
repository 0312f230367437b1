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
import { ensureBundle } from "../../../tools/bundle.ts";
import { filePath } from "../../../tools/file_path.ts";
import { programFlags } from "../../../tools/program.ts";
import { binary } from "../binary.ts";
import { createCommands } from "../net/commands.ts";
import { outputOf, startProcess } from "../net/process.ts";
import type { CommandOptions, Process } from "../net/process.ts";
import type { Host, Network, Port } from "../net/network.ts";
import { LISTEN_ADDRESS, toLoopback, toLoopbackPort, toOwnPath } from "./preload.ts";
import type { Stage } from "./preload.ts";

const PRELOAD = filePath("preload.ts", import.meta.url);

/** The folders that each host has for itself. */
const ROOTS = ["/run", ...READABLE, ...WRITABLE].filter((path, _, all) =>
  !all.some((other) => path.startsWith(`${other}/`))
);

/** What the program is called in a command line, wherever it is. */
const PROGRAM = /(^|\/)mdproxy4cs[^/]*$/;

/** Commands that know nothing of networks, only of files. */
const ON_FILES = [
  ...["cat", "chmod", "cp", "ln", "ls", "mkdir", "mkfifo", "mv", "promtool", "rm", "sh", "stat", "tail", "tee", "test"],
];

/** Made once, of the sources as they are, if `./dev test` has not made it. */
let bundled: Promise<string> | undefined;

/** A host of a network on loopback. */
interface Member {
  readonly name: string;
  port?: Port;
  gateway?: string;
}

/** Creates an empty network on loopback. */
export async function createLoopbackNetwork(): Promise<Network> {
  await using stack = new AsyncDisposableStack();
  const bundle = Deno.env.get("MDPROXY4CS_BUNDLE") ?? await (bundled ??= ensureBundle());
  const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const keeper = await removeWithUs(folder);
  stack.defer(() => keeper.stop("SIGKILL").then());
  const number = claimNumber(stack);
  const members: Member[] = [];
  const commands = createCommands();
  const resources = stack.move();

  const createHost = async (name: string): Promise<Host> => {
    const member: Member = { name };
    members.push(member);
    const own = `${folder}/${name}`;
    const emptyFolder = (path: string) =>
      Deno.mkdir(toOwnPath(path, { folder: own, roots: ROOTS }), { recursive: true });
    for (const root of [...WRITABLE, "/run"]) await emptyFolder(root);
    const stage = (): Stage => {
      const { iface, mac = "02:00:0a:01:01:01", address } = member.port ?? {};
      return {
        number,
        eth0: iface === undefined ? undefined : { mac, address: address?.split("/")[0] },
        hasListenAddress: name === "guest",
        gateway: member.gateway,
        peer: name === "guest" ? "127.0.0.1" : "10.1.1.50",
        folder: own,
        roots: ROOTS,
      };
    };
    const deno = Deno.execPath();
    const program = (args: readonly string[]): string[] => {
      const flags = programFlags(Deno.version.deno).map((flag) => moveRoots(flag, own));
      const quiet = ["--quiet", "--no-config", "--no-lock", "--no-check", "--no-remote", "--no-code-cache"];
      // What `deno run` reads for itself must not come from a test.
      return [
        ...["env", "--unset=DENO_PERMISSION_BROKER_PATH", deno, "run"],
        ...[...quiet, ...flags, `--preload=${PRELOAD}`, bundle, ...args],
      ];
    };
    const enter = ([command = "", ...args]: readonly string[]): string[] => {
      if (command === "curl") return ["curl", ...connectTo(number), ...args];
      if (command === deno) return kill([deno, args[0]!, `--preload=${PRELOAD}`, ...args.slice(1)]);
      if (ON_FILES.includes(command)) {
        // What a shell is to run with its words: by itself it would speak on the machine's own network.
        const at = command === "sh" && args.includes(binary()) ? args.indexOf(binary()) : args.length;
        const line = at < args.length ? program(args.slice(at + 1)) : [];
        return kill([command, ...args.slice(0, at).map((arg) => moveAll(arg, own)), ...line]);
      }
      if (!PROGRAM.test(command)) throw new Error(`Not on loopback: ${command} ${args.join(" ")}`);
      return kill(program(args));
    };
    const options = ({ env = {}, ...rest }: CommandOptions = {}): CommandOptions => ({
      ...rest,
      env: { DENO_DIR: `${folder}/deno`, NO_COLOR: "1", ...env, MDPROXY4CS_LOOPBACK: JSON.stringify(stage()) },
    });
    const host: Host = {
      name,
      pid: Deno.pid,
      run: (argv, given) => commands.run(enter(argv), options(given)),
      must: async (argv, given) => outputOf(await host.run(argv, given), argv, name),
      start: (argv, given) => resources.use(startProcess(enter(argv), options(given))),
      ip(words) {
        const [, address] = /^address add (\S+) dev eth0$/.exec(words.trim()) ?? [];
        const [, gateway] = /^route add default via (\S+)$/.exec(words.trim()) ?? [];
        if (address !== undefined) member.port = { ...member.port, iface: "eth0", address };
        else if (gateway !== undefined) member.gateway = gateway;
        else if (words.trim() !== "address flush dev eth0") throw new Error(`Not on loopback: ip ${words}`);
        return Promise.resolve();
      },
      async write(path, text) {
        const target = toOwnPath(path, { folder: own, roots: ROOTS });
        await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
        await Deno.writeTextFile(target, text);
      },
      emptyFolder,
    };
    return host;
  };

  return {
    kind: "loopback",
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
    async [Symbol.asyncDispose]() {
      await commands.abandon();
      await resources.disposeAsync();
    },
  };
}

/** Removes a folder also if whoever made it is killed; deaf to Ctrl-C, which the whole terminal hears. */
async function removeWithUs(folder: string): Promise<Process> {
  const script = `trap "" INT TERM HUP\necho ready\nread -r _ || rm -rf "$1"`;
  const keeper = startProcess(["sh", "-c", script, "sh", folder]);
  await keeper.waitForLine(/^ready$/);
  return keeper;
}

/** Finds a number that no other network on this machine has, as long as this one is there. */
function claimNumber(resources: AsyncDisposableStack): number {
  for (;;) {
    const number = 2 + Math.floor(Math.random() * 253);
    try {
      const claim = Deno.listen({ hostname: `127.${number}.255.255`, port: 39_724 });
      resources.defer(() => claim.close());
      return number;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** Ends with whoever starts it, however that ends. */
function kill(argv: readonly string[]): string[] {
  return ["setpriv", "--pdeathsig=KILL", "--", ...argv];
}

/** Has curl ask for a URL of the network where it stands on loopback. */
function connectTo(number: number): string[] {
  const routers = Array.from({ length: 9 }, (_, index) => `10.1.1.${1 + index}`)
    .map((at) => `${at}:80:${toLoopback(at, number)}:${toLoopbackPort(80)}`);
  const own = [LISTEN_ADDRESS, "127.0.0.1"].map((at) => `${at}::${toLoopback(at, number)}:`);
  return [...routers, ...own].flatMap((rule) => ["--connect-to", rule]);
}

/** Writes a permission for the host's own folders. */
function moveRoots(flag: string, folder: string): string {
  return /^--allow-(read|write|net)=/.test(flag) ? moveAll(flag, folder) : flag;
}

/** Writes what names files for the host's own folders. */
function moveAll(text: string, folder: string): string {
  return text.replaceAll(/(?<![\w/.-])(\/[\w.-]+)+/g, (path) => toOwnPath(path, { folder, roots: ROOTS }));
}
