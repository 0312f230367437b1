/**
 * Reads the values that options take: sizes, counts, names, paths, addresses, ranges, lists.
 *
 * Pure text to value. Every parser throws a `TypeError` whose message is a clause that says what would be right; the
 * caller puts the option and the value in front of it.
 *
 * @module
 */

import { isIPv4, isLinkLocal, isLoopback, parseCidr } from "../ipv4/ipv4.ts";
import type { Cidr } from "../ipv4/ipv4.ts";
import { DENIED_LOCAL_PORTS } from "../system/permissions.ts";

/** Where a server listens. */
export interface ListenAddress {
  /** A numeric IPv4 address, or `::1`. */
  readonly hostname: string;
  readonly port: number;
}

const SIZE_UNITS: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/**
 * Parses a size in bytes: `4096`, `64k`, `4m`; the units are powers of 1024, as in nginx.
 *
 * @returns bytes
 * @throws {TypeError} If the text is not a size.
 */
export function parseSizeBytes(text: string): number {
  const [, count, unit] = /^(\d+)([kmg]?)$/i.exec(text) ?? [];
  if (count === undefined) throw new TypeError("must be a size in bytes such as 4096, 64k or 4m");
  return Number(count) * SIZE_UNITS[unit!.toLowerCase()]!;
}

/**
 * Creates the parser of a size within bounds.
 *
 * @throws {TypeError} If the text is not a size, or out of bounds.
 */
export function sizeFrom(least: number, { to: most }: { readonly to: number }): (text: string) => number {
  return (text) => {
    const bytes = parseSizeBytes(text);
    if (bytes < least || bytes > most) throw new TypeError(`must be from ${formatSize(least)} to ${formatSize(most)}`);
    return bytes;
  };
}

function formatSize(bytes: number): string {
  const unit = ["m", "k"].find((unit) => bytes > 0 && bytes % SIZE_UNITS[unit]! === 0) ?? "";
  return `${bytes / SIZE_UNITS[unit]!}${unit}`;
}

/**
 * Creates the parser of a whole number within bounds.
 *
 * @throws {TypeError} If the text is anything else.
 */
export function countFrom(least: number, { to: most }: { readonly to: number }): (text: string) => number {
  return (text) => {
    const count = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(count >= least && count <= most)) throw new TypeError(`must be a whole number from ${least} to ${most}`);
    return count;
  };
}

/** Makes a parser take nothing for `undefined`. */
export function optional<T>(parse: (text: string) => T): (text: string) => T | undefined {
  return (text) => text === "" ? undefined : parse(text);
}

/**
 * Parses the path of a file or folder.
 *
 * @throws {TypeError} If it is not absolute: a service has no folder that it would be relative to.
 */
export function parsePath(text: string): string {
  if (!text.startsWith("/")) throw new TypeError("must be an absolute path");
  return text;
}

/**
 * Parses the name of a network interface, or of an alias, or `auto`.
 *
 * @throws {TypeError} If the kernel has no such names.
 */
export function parseInterfaceName(text: string): string {
  // Another of its names may be longer than its own: ALTIFNAMSIZ is 128 with the final NUL. An alias has a colon.
  if (!/^[^\s/:]{1,127}(:[^\s/:]+)?$/.test(text)) {
    throw new TypeError('must be an interface name such as eth0, or "auto"');
  }
  return text;
}

/** Parses a comma-separated list, dropping blanks around and between the items. */
export function parseList(text: string): string[] {
  return text.split(",").map((item) => item.trim()).filter((item) => item !== "");
}

/** Parses a comma-separated list of what a Host may say. Warns of one that no Host can say. */
export function parseHosts(text: string, warn: (clause: string) => void): readonly string[] {
  const hosts = parseList(text.toLowerCase());
  const odd = hosts.filter((host) => !/^(\[[0-9a-f:]+\]|[a-z0-9._-]+)(:\d{1,5})?$/.test(host));
  if (odd.length > 0) warn(`must be names such as metadata.internal, and no request will match ${odd.join(", ")}`);
  return hosts;
}

/**
 * Parses `host:port` for a server that only this machine may reach.
 *
 * @throws {TypeError} If it is not an address with a port, or the address leaves the machine.
 */
export function parseListenAddress(text: string): ListenAddress {
  const [, bracketed, bare, portText] = /^(?:\[([^\]]+)\]|([^:\[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(portText);
  if (portText === undefined || port > 65_535) {
    throw new TypeError("must be an address and a port, such as 169.254.169.254:39724");
  }
  const hostname = bracketed ?? (bare === "localhost" ? "127.0.0.1" : bare!);
  if (!isLocalAddress(hostname)) {
    throw new TypeError(
      "must be link-local (169.254.0.0/16) or loopback (127.0.0.0/8, [::1]): metadata holds secrets and must not leave the VM",
    );
  }
  if ((DENIED_LOCAL_PORTS as readonly number[]).includes(port)) {
    throw new TypeError(
      `must not use port ${port}: the program denies itself that port of this machine, where it could proxy to itself`,
    );
  }
  return Object.freeze({ hostname, port });
}

/** Writes an address as it is parsed, which is as in a URL. */
export function formatAddress({ hostname, port }: ListenAddress): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/**
 * Parses `host:port` on loopback.
 *
 * @throws {TypeError} If it is not such an address.
 */
export function parseAdminAddress(text: string): ListenAddress {
  const listen = parseListenAddress(text);
  if (isLinkLocal(listen.hostname)) throw new TypeError("must be on loopback, such as 127.0.0.1:39725");
  return listen;
}

/**
 * Parses one IPv4 address.
 *
 * @throws {TypeError} If it is not one.
 */
export function parseAddress(text: string): string {
  if (!isIPv4(text)) throw new TypeError("must be an IPv4 address such as 10.1.1.1");
  return text;
}

/**
 * Parses a comma-separated list of IPv4 ranges; a bare address is a /32.
 *
 * @throws {TypeError} If one of them is not a range.
 */
export function parseCidrs(text: string): readonly Cidr[] {
  return Object.freeze(
    parseList(text).map((item) => {
      const cidr = parseCidr(item);
      if (cidr === undefined) throw new TypeError(`must be IPv4 ranges such as 10.1.1.0/24, and "${item}" is not one`);
      return cidr;
    }),
  );
}

function isLocalAddress(hostname: string): boolean {
  return hostname === "::1" || isLoopback(hostname) || isLinkLocal(hostname);
}
