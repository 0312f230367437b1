/**
 * All that the program may do, written down once: `deno run`, `deno compile`, the tests of the permissions and the
 * program's own error messages read this table. Deno enforces it; the systemd unit repeats it one level below.
 *
 * @module
 */

/** Where an env file, a lease or a log may be read. */
export const READABLE = [
  "/etc/default",
  "/etc/sysconfig",
  "/etc/mdproxy4cs",
  "/run/systemd/netif/leases",
  "/var/lib/dhcp",
  "/var/lib/dhclient",
  "/var/lib/dhcpcd",
  "/var/lib/NetworkManager",
  "/run/NetworkManager/devices",
  "/tmp",
] as const;

/** Where a log file may be written. */
export const WRITABLE = ["/var/log", "/var/vcap/sys/log", "/var/vcap/data/sys/log", "/tmp"] as const;

/** The service manager's socket (sd_notify(3)); Deno wants both rights on a Unix socket. */
const NOTIFY_SOCKETS = ["/run/systemd/notify", "/run/mdproxy4cs"] as const;

/** The only program it may run: iproute2, which Debian has in one of these places. */
export const IP_COMMANDS = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"] as const;

const NET_ALLOWED = [
  "0.0.0.0/0:80", // any router's metadata
  "0.0.0.0/0:67", // any router's DHCP server
  "0.0.0.0/0:68", // the DHCP client's port
  "0.0.0.0/0:0", // a DHCPINFORM leaves from any free port
  "169.254.0.0/16", // listening on a link-local address
  "127.0.0.0/8", // listening on loopback
  "[::1]",
  "data-server:80", // the name that a virtual router gives itself
] as const;

/** The ports that are denied inside the VM, to serve on as well: the metadata's and the password server's. */
export const DENIED_LOCAL_PORTS = [80, 8080] as const;

/** A proxied request must never come out at a server inside the VM. The kernel takes 0.0.0.0 for loopback, too. */
const NET_DENIED = ["127.0.0.0/8", "169.254.0.0/16", "0.0.0.0/8", "[::1]"]
  .flatMap((range) => DENIED_LOCAL_PORTS.map((port) => `${range}:${port}`));

/** The environment that is read: the program's own variables and the service manager's. */
const VARIABLES = ["MDPROXY4CS_*", "NOTIFY_SOCKET", "WATCHDOG_USEC", "JOURNAL_STREAM"] as const;

/**
 * The flags that give a program these rights and no others, for `deno run` and `deno compile`.
 *
 * @param denoVersion the version that will read them: from 2.5 on, sending to a Unix socket is a right of its own,
 * and before it the spelling of that right is an error
 */
export function permissionFlags(denoVersion: string): string[] {
  const [major = 0, minor = 0] = denoVersion.split(".").map(Number);
  const unixSockets = major > 2 || minor >= 5 ? NOTIFY_SOCKETS.map((path) => `unix:${path}`) : [];
  return [
    "--no-prompt",
    "--unstable-net",
    // No right, but the same list: a request's signal aborts only if the client goes away, not after every answer too.
    "--unstable-no-legacy-abort",
    `--allow-net=${[...NET_ALLOWED, ...unixSockets].join(",")}`,
    `--deny-net=${NET_DENIED.join(",")}`,
    `--allow-run=${IP_COMMANDS.join(",")}`,
    `--allow-env=${VARIABLES.join(",")}`,
    `--allow-read=${[...READABLE, ...WRITABLE, ...NOTIFY_SOCKETS].join(",")}`,
    `--allow-write=${[...WRITABLE, ...NOTIFY_SOCKETS].join(",")}`,
    "--allow-sys=networkInterfaces",
  ];
}
