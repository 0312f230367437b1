/**
 * Reads the values that options take: durations, sizes, counts, addresses, ranges, lists.
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

const DURATION_UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/**
 * Parses a duration: `250ms`, `5s`, `1m30s`, `1h`, or `0`. A bare number is seconds, as in systemd units.
 *
 * @returns milliseconds
 * @throws {TypeError} If the text is not a duration.
 */
export function parseDurationMs(text: string): number {
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  if (!/^(\d+(ms|s|m|h))+$/.test(text)) {
    throw new TypeError("must be a duration such as 250ms, 5s or 1m30s");
  }
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|m|h)/g)) {
    totalMs += Number(count) * DURATION_UNITS_MS[unit!]!;
  }
  return totalMs;
}

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
 * Parses a whole number from 1 to 65535.
 *
 * @throws {TypeError} If the text is anything else.
 */
export function parseCount(text: string): number {
  const count = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > 65_535) throw new TypeError("must be a whole number from 1 to 65535");
  return count;
}

/**
 * Parses a yes or no as systemd reads one: `true`, `yes`, `on`, `1` and their opposites.
 *
 * @throws {TypeError} If the text is neither.
 */
export function parseSwitch(text: string): boolean {
  if (/^(true|yes|on|1)$/i.test(text)) return true;
  if (/^(false|no|off|0)$/i.test(text)) return false;
  throw new TypeError("must be true or false");
}

/** Parses a comma-separated list, dropping blanks around and between the items. */
export function parseList(text: string): string[] {
  return text.split(",").map((item) => item.trim()).filter((item) => item !== "");
}

/**
 * Parses `host:port` for a server that only this machine may reach.
 *
 * @throws {TypeError} If it is not an address with a port, or the address leaves the machine.
 */
export function parseListenAddress(text: string): ListenAddress {
  const [, bracketed, bare, portText] = /^(?:\[([^\]]+)\]|([^:\[\]]+)):(\d{1,5})$/.exec(text) ?? [];
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

/**
 * Parses one unicast IPv4 address.
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
