/**
 * All that the program may do, written down once: `deno run`, `deno compile`, the tests of the permissions and the
 * program's own error messages read this table. Deno enforces it; the systemd unit repeats it one level below.
 *
 * No folder is in it that others may write to: Deno follows a link that lies there, the kernel's protection of links in
 * such folders notwithstanding.
 *
 * @module
 */

import { RUNTIME_VARIABLES } from "./runtime_environment.ts";
import { ROOT_FOLDER, RUNTIME_FILES, RUNTIME_FOLDER } from "./runtime_folder.ts";
import { unixSocketRights } from "./runtime_shims.ts";

/** Where an env file, a lease or a log may be read. */
export const READABLE = [
  "/etc/default",
  "/etc/sysconfig",
  "/etc/mdproxy4cs",
  "/run/systemd/netif/leases",
  "/var/lib/dhcp",
  "/var/lib/dhcp3",
  "/var/lib/dhclient",
  "/var/lib/dhcpcd",
  "/var/lib/dhcpcd5",
  "/var/db/dhcpcd",
  "/var/lib/NetworkManager",
  "/var/lib/wicked",
  "/run/NetworkManager/devices",
  ROOT_FOLDER,
] as const;

/** Where a log file may be written. */
export const WRITABLE = ["/var/log", "/var/vcap/sys/log", "/var/vcap/data/sys/log"] as const;

/** The service manager's socket (sd_notify(3)); Deno wants both rights on a Unix socket. */
const NOTIFY_SOCKET = "/run/systemd/notify";

/** The runtime folder, and where systemd keeps that of a dynamic user behind a link. */
const RUNTIME_FOLDERS = [RUNTIME_FOLDER, RUNTIME_FOLDER.replace("/run/", "/run/private/")] as const;

/** Every Unix socket that is listened on, connected or sent to. */
const UNIX_SOCKETS = [
  NOTIFY_SOCKET,
  RUNTIME_FILES.notifySocket,
  RUNTIME_FILES.innerSocket,
  RUNTIME_FILES.controlSocket,
] as const;

/** The only program it may run: iproute2, which Debian has in one of these places. */
export const IP_COMMANDS = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"] as const;

const NET_ALLOWED = [
  "0.0.0.0/0:80", // any router's metadata
  // Any router's password service. It cannot be given back at a start that does not need it: Deno takes no range back, on
  // 2.4 and on 2.9 (SECURITY.md).
  "0.0.0.0/0:8080",
  "0.0.0.0/0:67", // any router's DHCP server
  "0.0.0.0/0:68", // the DHCP client's port
  "0.0.0.0/0:0", // a DHCPINFORM leaves from any free port
  "169.254.0.0/16", // listening on a link-local address
  "127.0.0.0/8", // listening on loopback
  "[::1]",
  "data-server", // the name that a virtual router gives itself: it is looked up, and never connected to by name
] as const;

/** The ports that are denied inside the VM, to serve on as well: the metadata's and the password server's. */
export const DENIED_LOCAL_PORTS = [80, 8080] as const;

/** A proxied request must never come out at a server inside the VM. The kernel takes 0.0.0.0 for loopback, too. */
const NET_DENIED = ["127.0.0.0/8", "169.254.0.0/16", "0.0.0.0/8", "[::1]"]
  .flatMap((range) => DENIED_LOCAL_PORTS.map((port) => `${range}:${port}`));

/** The environment that is read: the program's own variables and the service manager's; and the runtime's, to close them. */
const VARIABLES = [
  "MDPROXY4CS_*",
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "JOURNAL_STREAM",
  "TERM",
  "DENO_USR2_MEMORY_TRIM",
  ...RUNTIME_VARIABLES,
] as const;

/**
 * The flags that give a program these rights and no others, for `deno run` and `deno compile`.
 *
 * @param denoVersion the version that will read them
 */
export function permissionFlags(denoVersion: string): string[] {
  return [
    "--no-prompt",
    "--unstable-net",
    // Not a right, but it belongs to the same list: a request's signal aborts only if the client leaves, not after every answer.
    "--unstable-no-legacy-abort",
    `--allow-net=${[...NET_ALLOWED, ...unixSocketRights(denoVersion, UNIX_SOCKETS)].join(",")}`,
    `--deny-net=${NET_DENIED.join(",")}`,
    `--allow-run=${IP_COMMANDS.join(",")}`,
    `--allow-env=${VARIABLES.join(",")}`,
    `--allow-read=${[...READABLE, ...WRITABLE, NOTIFY_SOCKET, ...RUNTIME_FOLDERS].join(",")}`,
    `--allow-write=${[...WRITABLE, NOTIFY_SOCKET, ...RUNTIME_FOLDERS].join(",")}`,
    "--allow-sys=networkInterfaces,uid",
  ];
}
