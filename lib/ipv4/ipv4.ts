/**
 * IPv4 addresses and ranges as text and numbers (RFC 4632). Pure; knows nothing of this machine.
 *
 * @module
 */

/** A range of IPv4 addresses. */
export interface Cidr {
  /** The first address, as an unsigned 32-bit number. */
  readonly network: number;
  /** The netmask, as an unsigned 32-bit number. */
  readonly mask: number;
}

/** Parses dotted-quad text to an unsigned 32-bit number; `undefined` if it is anything else. */
export function parseIPv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    // A leading zero would be octal to inet_aton(3) and decimal to others: neither reading is safe.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

/** Tells whether the text is a dotted-quad IPv4 address. */
export function isIPv4(text: string): boolean {
  return parseIPv4(text) !== undefined;
}

/** Writes an unsigned 32-bit number as dotted-quad text. */
export function formatIPv4(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join(".");
}

/** Parses `10.1.1.0/24`, or a bare address as a /32; host bits are ignored. `undefined` if it is neither. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", length = "32", ...rest] = text.split("/");
  const value = parseIPv4(address);
  if (value === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length) || Number(length) > 32) return undefined;
  const mask = Number(length) === 0 ? 0 : (0xffff_ffff << (32 - Number(length))) >>> 0;
  return Object.freeze({ network: (value & mask) >>> 0, mask });
}

/** Tells whether the address lies in the range; `false` for text that is no address. */
export function contains(cidr: Cidr, address: string): boolean {
  const value = parseIPv4(address);
  return value !== undefined && ((value & cidr.mask) >>> 0) === cidr.network;
}

const LOOPBACK = parseCidr("127.0.0.0/8")!;
const LINK_LOCAL = parseCidr("169.254.0.0/16")!;

/** Tells whether the address is on loopback (RFC 1122 section 3.2.1.3). */
export function isLoopback(address: string): boolean {
  return contains(LOOPBACK, address);
}

/** Tells whether the address is link-local (RFC 3927). */
export function isLinkLocal(address: string): boolean {
  return contains(LINK_LOCAL, address);
}

/**
 * Tells whether the address can belong to a router: unicast, and not on this machine. Excludes 0/8, 127/8,
 * link-local 169.254/16 (this program's own side), multicast, and 240/4 with the broadcast address.
 */
export function isUsableRouter(address: string): boolean {
  const value = parseIPv4(address);
  if (value === undefined) return false;
  const first = value >>> 24;
  return first !== 0 && first < 224 && !isLoopback(address) && !isLinkLocal(address);
}
