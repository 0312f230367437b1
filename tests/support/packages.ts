/**
 * The programs that tests run beside the one under test, and the Debian packages they come from.
 *
 * @module
 */

/** Every program a test may need, by name, with its Debian package; `|` stands before the name it has elsewhere. */
const PACKAGES = {
  "ip": "iproute2",
  "nsenter": "util-linux",
  "unshare": "util-linux",
  "setpriv": "util-linux",
  "curl": "curl",
  "perl": "perl-base",
  "dnsmasq": "dnsmasq-base",
  "nginx": "nginx-light",
  "apache2": "apache2-bin",
  "dhcpd": "isc-dhcp-server",
  "kea-dhcp4": "kea-dhcp4-server",
  "busybox": "busybox", // has udhcpd and udhcpc
  "dhclient": "isc-dhcp-client",
  "dhcpcd": "dhcpcd-base|dhcpcd5", // the latter up to Debian 11 and Ubuntu 22.04
  "systemd-networkd": "systemd",
  "promtool": "prometheus",
  "debootstrap": "debootstrap",
  "libdeflate-gzip": "libdeflate-tools",
  "zip": "zip",
  "unzip": "unzip",
  "wget": "wget",
  "shellcheck": "shellcheck",
  "xz": "xz-utils",
  "dpkg-deb": "dpkg",
  "lintian": "lintian",
  "mke2fs": "e2fsprogs",
  "losetup": "mount",
  "nft": "nftables",
  "python3": "python3",
} as const;

/** What only single commands need: not worth its size to everybody. */
const SPECIAL = {
  "qemu-aarch64-static": "qemu-user-static",
  "wrk": "wrk",
} as const;

/** A program that tests and tools need. */
export type Program = keyof typeof PACKAGES | keyof typeof SPECIAL;

const FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/lib/systemd"];

/** The path of a program that is installed where Debian puts it. */
function findProgram(program: string): string | undefined {
  return FOLDERS.map((folder) => `${folder}/${program}`).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/**
 * Copies a program that is installed into a folder, and returns the copy's path. AppArmor, which Debian and Ubuntu have
 * on, knows programs by their paths, and keeps those with a profile (ISC's and Kea's) from files that a test writes.
 *
 * @throws {Error} If it is not installed.
 */
export async function copyProgram(program: Program, folder: string): Promise<string> {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`${program} is not installed`);
  const copy = `${await Deno.makeTempDir({ dir: folder })}/${program}`;
  await Deno.copyFile(path, copy);
  return copy;
}

/**
 * The Debian packages that these programs would still need, in alphabetical order; none if all are there. One that has
 * other names elsewhere is listed as `NAME|OTHER`.
 */
export function missingPackages(programs: readonly Program[] = Object.keys(PACKAGES) as Program[]): string[] {
  const missing = programs.filter((program) => findProgram(program) === undefined).map((program) =>
    ({ ...PACKAGES, ...SPECIAL })[program]
  );
  return [...new Set<string>(missing)].sort();
}
