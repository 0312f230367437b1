/**
 * The programs that tests run beside the one under test, and the Debian packages they come from.
 *
 * @module
 */

/** Every program a test may need, by name, with its Debian package. */
export const PACKAGES = {
  "ip": "iproute2",
  "nsenter": "util-linux",
  "unshare": "util-linux",
  "setpriv": "util-linux",
  "curl": "curl",
  "dnsmasq": "dnsmasq-base",
  "nginx": "nginx-light",
  "apache2": "apache2-bin",
  "dhcpd": "isc-dhcp-server",
  "kea-dhcp4": "kea-dhcp4-server",
  "busybox": "busybox", // has udhcpd and udhcpc
  "dhclient": "isc-dhcp-client",
  "dhcpcd": "dhcpcd-base",
  "systemd-networkd": "systemd",
  "promtool": "prometheus",
  "debootstrap": "debootstrap",
  "libdeflate-gzip": "libdeflate-tools",
  "zip": "zip",
  "unzip": "unzip",
  "wget": "wget",
  "shellcheck": "shellcheck",
} as const;

/** A program that tests need. */
export type Program = keyof typeof PACKAGES;

const FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/lib/systemd"];

/** Tells whether a program is installed where Debian puts it. */
export function isInstalled(program: string): boolean {
  return FOLDERS.some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch {
      return false;
    }
  });
}

/** The Debian packages that these programs would still need, in alphabetical order; none if all are there. */
export function missingPackages(programs: readonly Program[] = Object.keys(PACKAGES) as Program[]): string[] {
  const missing = programs.filter((program) => !isInstalled(program)).map((program) => PACKAGES[program]);
  return [...new Set<string>(missing)].sort();
}
