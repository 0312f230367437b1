/**
 * A network inside loopback, for machines that refuse namespaces. Loaded into a Deno process before its program, it stands
 * between the program and the runtime: the program sees its own interfaces, addresses and ports, the kernel sees
 * 127.0.0.0/8 and ports above 1024. The program itself is not changed.
 *
 * ```
 *   the program says                     the kernel hears             in a network whose number is 7
 *   10.1.1.1, TCP port 80                127.7.1.1, port 10080        the last two bytes of an address are kept
 *   10.1.1.50, UDP port 68               127.7.1.50, port 10068
 *   0.0.0.0, UDP port 67                 own address, port 20067      which broadcasts are sent to, on each of the /24
 *   169.254.169.254, TCP port 39724      127.7.169.254, port 39724    higher ports stay
 *   /run/mdproxy4cs/...                  FOLDER/NAME/run/mdproxy4cs/...
 *   ip -json route show default          is answered here
 * ```
 *
 * What it cannot show: the kernel's own work, as adding an address, routes, firewalls and links that go down.
 *
 * @module
 */

/** What a process is told in `MDPROXY4CS_LOOPBACK`. */
export interface Stage {
  /** The number of the network, 2 to 254. */
  readonly number: number;
  /** Its `eth0`, if it has one, and the address of that, in 10.1.1.0/24. */
  readonly eth0: { readonly mac: string; readonly address?: string | undefined } | undefined;
  /** Whether the listen address is on its `lo`. */
  readonly hasListenAddress: boolean;
  /** Its default route. */
  readonly gateway?: string | undefined;
  /** Whoever connects without saying from where: one's own clients come from loopback, a router's from the guest. */
  readonly peer: string;
  /** Where its files are. */
  readonly folder: string;
  /** The folders that are its own. */
  readonly roots: readonly string[];
}

/** The ports that only root may listen on, or that the program's permissions deny on loopback. */
const MOVED = [67, 68, 80, 8080];
const MOVED_BY = 10_000;
const BROADCAST_BY = 20_000;
const ANY = "0.0.0.0";
const LOCALHOST = "127.0.0.1";
/** Where the program listens unless told otherwise. */
export const LISTEN_ADDRESS = "169.254.169.254";
const BROADCAST = "255.255.255.255";

/** The loopback address that stands for an address of the network. */
export function toLoopback(address: string, number: number): string {
  const parts = address.split(".");
  return parts.length === 4 ? `127.${number}.${parts[2]}.${parts[3]}` : address;
}

/** The port that stands for a port of the network. */
export function toLoopbackPort(port: number): number {
  return MOVED.includes(port) ? port + MOVED_BY : port;
}

/** The address of the network that a loopback address stands for. */
function fromLoopback(address: string, number: number): string | undefined {
  const [, end] = new RegExp(`^127\\.${number}\\.(\\d+\\.\\d+)$`).exec(address) ?? [];
  if (end === undefined) return undefined;
  return [LOCALHOST, LISTEN_ADDRESS].find((own) => own.endsWith(`.${end}`)) ?? `10.1.${end}`;
}

/** The path that stands for a path of a host. */
export function toOwnPath(path: string, { folder, roots }: Pick<Stage, "folder" | "roots">): string {
  return roots.some((root) => path === root || path.startsWith(`${root}/`)) ? folder + path : path;
}

// deno-lint-ignore no-explicit-any
type Any = any;

function install(stage: Stage): void {
  const deno: Any = Deno;
  const own = stage.eth0?.address ?? ANY;
  const { connect, listen, serve, listenDatagram, Command } = deno;

  const outward = ({ hostname = ANY, port, ...rest }: Any) => ({
    ...rest,
    hostname: hostname === "::1" ? hostname : toLoopback(hostname === ANY ? own : hostname, stage.number),
    port: toLoopbackPort(port),
  });
  const inward = (at: Any) => {
    if (at?.hostname === undefined) return at;
    const port = [MOVED_BY, BROADCAST_BY].map((by) => at.port - by).find((port) => MOVED.includes(port)) ?? at.port;
    return {
      ...at,
      hostname: at.hostname === LOCALHOST ? stage.peer : fromLoopback(at.hostname, stage.number) ?? at.hostname,
      port,
    };
  };
  const local = (options: Any) => ({ ...options, path: toOwnPath(options.path, stage) });
  const seen = (thing: Any, names: readonly string[]) => {
    for (const name of names) {
      const value = inward(thing[name]);
      Object.defineProperty(thing, name, { value, configurable: true });
    }
    return thing;
  };

  deno.connect = async (options: Any) => {
    if (options.path !== undefined) return connect(local(options));
    if (!/^[\d.:]+$/.test(options.hostname)) {
      throw new Deno.errors.NotFound(`failed to look up ${options.hostname}: there is no DNS on loopback`);
    }
    return seen(await connect(outward(options)), ["remoteAddr"]);
  };
  deno.resolveDns = (name: string) => Promise.reject(new Deno.errors.NotFound(`there is no DNS on loopback: ${name}`));
  deno.listen = (options: Any) => {
    if (options.path !== undefined) return listen(local(options));
    const listener = seen(listen(outward(options)), ["addr"]);
    const { accept } = listener;
    listener.accept = async () => seen(await accept.call(listener), ["remoteAddr", "localAddr"]);
    return listener;
  };
  // On Unix sockets alone, as the program does.
  deno.serve = (options: Any, handler: Any) => serve(local(options), handler);
  deno.listenDatagram = (options: Any) => {
    if (options.path !== undefined) return wrapUnixDatagram(listenDatagram(local(options)));
    const hears = options.hostname === ANY && MOVED.includes(options.port);
    const at = outward(options);
    return wrapDatagram(listenDatagram({ ...at, port: hears ? options.port + BROADCAST_BY : at.port }));
  };
  const wrapUnixDatagram = (socket: Any) => {
    const { send } = socket;
    socket.send = (bytes: Uint8Array, to: Any) => send.call(socket, bytes, local(to));
    return socket;
  };
  const wrapDatagram = (socket: Any) => {
    const { send, receive } = socket;
    const sendTo = (bytes: Uint8Array, hostname: string, port: number) =>
      send.call(socket, bytes, { transport: "udp", hostname: toLoopback(hostname, stage.number), port });
    socket.send = async (bytes: Uint8Array, to: Any) => {
      const everyone = Array.from({ length: 255 }, (_, host) => `10.1.1.${host}`).filter((address) => address !== own);
      const targets: readonly string[] = to.hostname === BROADCAST ? everyone : [to.hostname];
      if (to.hostname !== BROADCAST) await sendTo(bytes, to.hostname, toLoopbackPort(to.port));
      // Whoever listens on 0.0.0.0 hears what is sent to a client's own address too.
      if (to.hostname === BROADCAST || to.port === 68) {
        for (const target of targets) await sendTo(bytes, target, to.port + BROADCAST_BY);
      }
      return bytes.length;
    };
    socket.receive = async (buffer?: Uint8Array) => {
      const [bytes, from] = await receive.call(socket, buffer);
      return [bytes, inward(from)];
    };
    return socket;
  };

  deno.networkInterfaces = () => [
    ...[LOCALHOST, ...stage.hasListenAddress ? [LISTEN_ADDRESS] : []].map((at) => nic("lo", "00:00:00:00:00:00", at)),
    ...stage.eth0?.address === undefined ? [] : [nic("eth0", stage.eth0.mac, stage.eth0.address)],
  ];
  deno.Command = class {
    readonly #real: Any;
    readonly #answer: string | undefined;
    constructor(path: string, options: Any = {}) {
      if (/\/ip$/.test(path)) this.#answer = answerIp(options.args ?? [], stage);
      else this.#real = new Command(path, options);
    }
    output() {
      if (this.#real !== undefined) return this.#real.output();
      const bytes = (text: string) => new TextEncoder().encode(text);
      const success = this.#answer !== undefined;
      const [stdout, stderr] = [bytes(this.#answer ?? ""), bytes(success ? "" : "Operation not permitted on loopback")];
      return Promise.resolve({ success, code: success ? 0 : 2, signal: null, stdout, stderr });
    }
    spawn() {
      if (this.#real === undefined) throw new Deno.errors.NotSupported("on loopback nothing of `ip` changes");
      return this.#real.spawn();
    }
  };
  for (const name of FILE_FUNCTIONS) {
    const original = deno[name];
    deno[name] = (path: Any, ...rest: Any[]) =>
      original(...[path, ...rest].map((part) => typeof part === "string" ? toOwnPath(part, stage) : part));
  }
}

/** Everything of Deno that takes paths and that a daemon may call. */
const FILE_FUNCTIONS = [
  ...[
    "open",
    "readTextFile",
    "readFile",
    "readDir",
    "readLink",
    "stat",
    "lstat",
    "realPath",
    "mkdir",
    "remove",
    "rename",
  ],
  ...["writeTextFile", "writeFile", "chmod", "chown", "utime", "truncate", "copyFile"],
].flatMap((name) => [name, `${name}Sync`]);

function nic(name: string, mac: string, address: string): Deno.NetworkInterfaceInfo {
  const netmask = name === "lo" ? "255.255.255.255" : "255.255.255.0";
  return { name, mac, address, netmask, family: "IPv4", scopeid: null, cidr: `${address}/24` };
}

/** What `ip` prints of a host with one Ethernet interface, or none; `undefined` for what would change something. */
function answerIp(args: readonly string[], { eth0, gateway }: Stage): string | undefined {
  const words = args.filter((arg) => !arg.startsWith("-"));
  if (words.some((word) => ["add", "del", "set", "replace", "flush"].includes(word))) return undefined;
  if (eth0 === undefined) return "[]";
  const flags = ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"];
  const link = { ifindex: 2, ifname: "eth0", link_type: "ether", address: eth0.mac, operstate: "UP", flags };
  if (words[0]?.startsWith("addr")) {
    const addresses = eth0.address === undefined ? [] : [{ family: "inet", local: eth0.address, prefixlen: 24 }];
    return JSON.stringify([{ ...link, addr_info: addresses }]);
  }
  return JSON.stringify(gateway === undefined ? [] : [{ dst: "default", gateway, dev: "eth0", flags: [] }]);
}

const given = Deno.permissions.querySync({ name: "env", variable: "MDPROXY4CS_LOOPBACK" }).state === "granted"
  ? Deno.env.get("MDPROXY4CS_LOOPBACK")
  : undefined;
if (given !== undefined) {
  Deno.env.delete("MDPROXY4CS_LOOPBACK");
  install(JSON.parse(given));
}
