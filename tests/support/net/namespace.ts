/**
 * Namespaces that live as long as the test: each is held open by a process that ends when its standard input does, so
 * even a test that is killed leaves none behind, and nothing is written to /run/netns. Without root they are made
 * inside a user namespace (user_namespaces(7)), which is all that is then needed.
 *
 * @module
 */

import { startProcess } from "./process.ts";

/** A namespace, and how to run something inside it. */
export interface Namespace extends AsyncDisposable {
  /** The process that holds it, which `ip link ... netns PID` takes as its name. */
  readonly pid: number;
  /** The command line that runs `argv` inside, killed with whoever starts it, its process being the program itself. */
  enter(argv: readonly string[]): string[];
}

/** Whether this machine's namespaces are to be left alone: what can run on loopback runs there, and nothing else. */
export const ON_LOOPBACK = Deno.env.get("MDPROXY4CS_TEST_NETWORK") === "loopback";

let why: string | undefined | null = null;

/** Why this machine cannot make namespaces; `undefined` if it can. */
export function whyNoNamespaces(): string | undefined {
  if (why === null) why = ON_LOOPBACK ? "it was asked to stay on loopback" : tryNamespaces();
  return why;
}

function tryNamespaces(): string | undefined {
  try {
    const args = [...unshareFlags(), "sh", "-ec", TRIAL];
    const { success, stderr } = new Deno.Command("unshare", { args, env: { LC_ALL: "C" } }).outputSync();
    if (success) return undefined;
    // A namespace for mounts is made by making its root private; a chroot's may be no mount point of its own.
    const said = new TextDecoder().decode(stderr).trim().split("\n")[0]!.replace(/^unshare: /, "");
    if (/root filesystem propagation: Invalid argument/.test(said)) {
      return "the root folder is a chroot's and no mount point. To have namespaces: mount --bind DIR DIR before chroot DIR";
    }
    return `this machine refuses namespaces (${said}). To have them: root with CAP_SYS_ADMIN and CAP_NET_ADMIN, as docker run --privileged gives`;
  } catch (error) {
    return `cannot run unshare, of Debian's util-linux: ${(error as Error).message}`;
  }
}

/** What a container that may make a namespace may still be refused inside. */
const TRIAL = `
mount --no-mtab -t tmpfs tmpfs /mnt
if command -v ip > /dev/null; then ip link set lo up; ip link add type veth; fi
`;

/**
 * Makes the namespace that all others of one network are made in. Its file system is the machine's own.
 *
 * @param folder what to remove if whoever made it is killed; who lives on removes it
 */
export function createGround(folder: string): Promise<Namespace> {
  // Deaf to Ctrl-C, which the whole terminal hears: somebody has to remove the folder.
  return hold(["unshare", ...unshareFlags(), ...holder(`trap "" INT TERM HUP\n${QUIET}`, `rm -rf '${folder}'`)]);
}

/**
 * Makes a namespace of its own inside `ground`, with an own and empty /run, and an own /var/lib in which the folders
 * of DHCP clients are empty: what runs inside finds no trace of the machine's network, and leaves none.
 */
export function createNamespace(ground: Namespace): Promise<Namespace> {
  return hold(ground.enter(["unshare", "--mount", "--net", ...holder(QUIET + OWN_FILES)]));
}

async function hold(argv: readonly string[]): Promise<Namespace> {
  const process = startProcess(argv);
  await process.waitForLine(/^ready$/);
  const user = isRoot() ? [] : ["--user", "--preserve-credentials"];
  const enter = ["nsenter", `--target=${process.pid}`, ...user, "--mount", "--net", ...CHROOT, "--"];
  return {
    pid: process.pid,
    // Each of these becomes the next, so that the process is the program itself in the end.
    enter: (argv) => [...enter, "setpriv", "--pdeathsig=KILL", "--", "setsid", ...argv],
    async [Symbol.asyncDispose]() {
      killMembers(process.pid);
      await process.stop("SIGKILL");
    },
  };
}

/** Ends what was left behind in a namespace, as a DHCP client's helpers are; the holder itself lives on. */
function killMembers(holder: number): void {
  const network = (pid: string | number) => Deno.readLinkSync(`/proc/${pid}/ns/net`);
  try {
    const own = network(holder);
    for (const { name } of Deno.readDirSync("/proc")) {
      if (/^\d+$/.test(name) && Number(name) !== holder && isSame(name, own)) Deno.kill(Number(name), "SIGKILL");
    }
  } catch {
    // Whoever is gone already need not be ended.
  }

  function isSame(pid: string, own: string): boolean {
    try {
      return network(pid) === own;
    } catch {
      return false; // it ended meanwhile, or is none of ours
    }
  }
}

/** What is entered has the holder's root, which in a chroot is not that of the mount namespace. */
const CHROOT = ["--root", "--wd"] as const;

/** Runs the script, and holds the namespace until standard input ends. */
function holder(script: string, afterwards = ":"): string[] {
  return ["sh", "-c", `set -e\n${script}\necho ready\nread -r _ || ${afterwards}`];
}

function unshareFlags(): string[] {
  return [...(isRoot() ? [] : ["--map-root-user"]), "--mount", "--net"];
}

function isRoot(): boolean {
  return Deno.uid() === 0;
}

/** IPv6's own chatter would only be noise; an unprivileged web server may have port 80. */
const QUIET = `
ip link set lo up
for setting in ipv6/conf/all/disable_ipv6=1 ipv6/conf/default/disable_ipv6=1 ipv4/ip_unprivileged_port_start=0
do echo "\${setting#*=}" > "/proc/sys/net/\${setting%=*}" || :
done 2> /dev/null
`;

/** --no-mtab because /run/mount, where it would be noted, is what changes. */
const OWN_FILES = `
mount --no-mtab -t tmpfs tmpfs /mnt
mkdir -p /mnt/machine/lib
mount --no-mtab --rbind /var/lib /mnt/machine/lib
mount --no-mtab --move /mnt /run
mount --no-mtab -t tmpfs tmpfs /var/lib
ln -s -t /var/lib /run/machine/lib/*
for client in dhcp dhclient dhcpcd NetworkManager
do rm -f "/var/lib/$client"; mkdir "/var/lib/$client"
done
mount --no-mtab -t sysfs -o ro sysfs /sys || :
`;
