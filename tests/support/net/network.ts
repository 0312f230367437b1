/**
 * Networks for tests: hosts (namespaces with their own interfaces, /run and /var/lib), Ethernet segments between them,
 * and processes inside. Everything is gone when the network is disposed of, whatever the test left running.
 *
 * ```
 *   await using network = await createNetwork();
 *   const lan = await network.createSegment();            guest eth0 ---- lan ---- eth0 router
 *   const guest = await network.createHost("guest");
 *   await lan.attach(guest, { iface: "eth0", address: "10.1.1.50/24" });
 * ```
 *
 * @module
 */

import { createLoopbackNetwork } from "../loopback/network.ts";
import { createGround, createNamespace, whyNoNamespaces } from "./namespace.ts";
import type { Namespace } from "./namespace.ts";
import { createCommands } from "./commands.ts";
import type { Commands } from "./commands.ts";
import { outputOf, startProcess } from "./process.ts";
import type { CommandOptions, Output, Process } from "./process.ts";

/** A machine of the network. */
export interface Host {
  readonly name: string;
  /** The process that holds its namespaces. */
  readonly pid: number;
  /** Runs a command inside to its end, whatever its exit code. */
  run(argv: readonly string[], options?: CommandOptions): Promise<Output>;
  /** Runs a command inside that has to succeed, and returns what it printed. @throws {Error} If it fails. */
  must(argv: readonly string[], options?: CommandOptions): Promise<string>;
  /** Starts a process inside; it is stopped with the network at the latest. */
  start(argv: readonly string[], options?: CommandOptions): Process;
  /** Runs `ip` with these words, as in `host.ip("link set eth0 down")`. @throws {Error} If it fails. */
  ip(words: string): Promise<void>;
  /** Makes a file appear at this absolute path, inside this host only; the machine's own stays as it is. */
  write(path: string, text: string): Promise<void>;
  /** Has a folder be an empty one, inside this host only. */
  emptyFolder(path: string): Promise<void>;
}

/** How a host is plugged into a segment. */
export interface Port {
  readonly iface: string;
  /** With its prefix length, as in `10.1.1.50/24`; without one the interface is up and has no address. */
  readonly address?: string | undefined;
  /** Random if not given. */
  readonly mac?: string | undefined;
}

/** An Ethernet: every host attached hears every other. */
export interface Segment {
  attach(host: Host, port: Port): Promise<void>;
}

/** Hosts and segments, and a folder for their files. */
export interface Network extends AsyncDisposable {
  /** On loopback there are the guest and one router of this project's own, see `loopback/preload.ts`. */
  readonly kind: "namespaces" | "loopback";
  /** A folder that every host sees at the same path. */
  readonly folder: string;
  createHost(name: string): Promise<Host>;
  createSegment(): Promise<Segment>;
  /** Has something stopped or closed with the network, before what was there earlier. */
  own(resource: AsyncDisposable): void;
}

/** Creates an empty network; on loopback, with what is possible there, where this machine refuses namespaces. */
export async function createNetwork(): Promise<Network> {
  if (whyNoNamespaces() !== undefined) return await createLoopbackNetwork();
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  // Servers that give up root, as Apache does, must still reach their files.
  await Deno.chmod(folder, 0o755);
  const ground = stack.use(await createGround(folder));
  const commands = createCommands();
  const switches = createHost("switch", { namespace: ground, commands, resources: stack });
  let bridges = 0;
  let ports = 0;
  const resources = stack.move();

  return {
    kind: "namespaces",
    folder,
    own: (resource) => void resources.use(resource),
    createHost: async (name) =>
      createHost(name, { namespace: resources.use(await createNamespace(ground)), commands, resources }),

    async createSegment() {
      const bridge = `lan${++bridges}`;
      await switches.ip(`link add ${bridge} type bridge forward_delay 0`);
      await switches.ip(`link set ${bridge} up`);
      return {
        async attach(host, { iface, address, mac }) {
          const port = `port${++ports}`;
          const ownMac = mac === undefined ? "" : `address ${mac}`;
          await switches.ip(`link add ${port} type veth peer name ${iface} ${ownMac} netns ${host.pid}`);
          await switches.ip(`link set ${port} master ${bridge} up`);
          if (address !== undefined) await host.ip(`address add ${address} dev ${iface}`);
          await host.ip(`link set ${iface} up`);
        },
      };
    },

    async [Symbol.asyncDispose]() {
      await commands.abandon();
      await resources.disposeAsync();
    },
  };
}

/** What a host is made of. */
interface HostParts {
  readonly namespace: Namespace;
  readonly commands: Commands;
  readonly resources: AsyncDisposableStack;
}

function createHost(name: string, { namespace, commands, resources }: HostParts): Host {
  const host: Host = {
    name,
    pid: namespace.pid,
    run: (argv, options) => commands.run(namespace.enter(argv), options),

    must: async (argv, options) => outputOf(await host.run(argv, options), argv, name),

    start(argv, options) {
      return resources.use(startProcess(namespace.enter(argv), options));
    },

    async ip(words) {
      await host.must(["ip", ...words.trim().split(/\s+/)]);
    },

    async write(path, text) {
      await host.must(["sh", "-ec", WRITE, "sh", path], { input: text });
    },

    async emptyFolder(path) {
      await host.must(["mount", "-t", "tmpfs", "tmpfs", path]);
    },
  };
  return host;
}

/** Below /run, /var/lib and /tmp a file is simply written; elsewhere one is laid over what the machine has there. */
const WRITE = `
path=$(realpath -m "$1")
case $path in
  /run/*|/var/lib/*|/tmp/*) mkdir -p "$(dirname "$path")"; cat > "$path" ;;
  *) own=$(mktemp -p /run); chmod 644 "$own"; cat > "$own"; mount --no-mtab --bind "$own" "$path" ;;
esac
`;
