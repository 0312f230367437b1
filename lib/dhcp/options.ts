/**
 * DHCP options as bytes: tag, length, value (RFC 2132), spread over up to three fields of a message (option 52) and
 * joined where one value needs several options (RFC 3396).
 *
 * Pure. Knows where options lie in a message; leaves the other fields to `message.ts`, and what a value means to
 * whoever asks for it.
 *
 * @module
 */

import { formatIPv4, parseIPv4 } from "../ipv4/ipv4.ts";

/** The values of a message by option code. */
export type Options = ReadonlyMap<number, Uint8Array>;

/** The codes this program sends or reads (RFC 2132 section 9). */
export const OPTION = {
  subnetMask: 1,
  routers: 3,
  domainNameServers: 6,
  domainName: 15,
  overload: 52,
  messageType: 53,
  serverIdentifier: 54,
  parameterList: 55,
  maxMessageSize: 57,
  vendorClass: 60,
} as const;

/** Where the options field begins in a message: behind the header and the magic cookie. */
export const OPTIONS_OFFSET = 240;

const PAD = 0;
const END = 255;
/** The longest value of one option on the wire. */
const MAX_LENGTH = 255;

/** The fields that option 52 lends to more options, in the order in which RFC 3396 reads them. */
const OVERLOADED = [
  { bit: 1, field: "file", from: 108, to: 236 },
  { bit: 2, field: "sname", from: 44, to: 108 },
] as const;

/**
 * Options whose values have one length, in bytes. Some servers send such an option twice (dnsmasq where it is configured
 * and asked for as well): that is the same value again, and no long one in parts.
 */
const LENGTHS: ReadonlyMap<number, number> = new Map([
  [OPTION.subnetMask, 4],
  [OPTION.overload, 1],
  [OPTION.messageType, 1],
  [OPTION.serverIdentifier, 4],
  [OPTION.maxMessageSize, 2],
]);

/** What the options of a message hold. */
export interface DecodedOptions {
  readonly options: Options;
  /** The first thing that is wrong with them. What could be read is there all the same. */
  readonly fault: string | undefined;
}

/**
 * Decodes every option of a whole message that can be read: one that reaches beyond its field ends the field, and one of
 * a wrong length is left out. Of an option whose values have one length the first value counts; others that come more
 * than once are one long value (RFC 3396).
 */
export function decodeOptions(message: Uint8Array): DecodedOptions {
  const parts: Parts = new Map();
  const faults: string[] = [];
  const collect = (region: Region) => {
    const fault = collectOptions(message, region, parts);
    if (fault !== undefined) faults.push(fault);
  };
  collect({ from: OPTIONS_OFFSET, to: message.length });
  const overload = firstOf(parts.get(OPTION.overload) ?? [], 1)?.[0] ?? 0;
  for (const region of OVERLOADED) {
    if ((overload & region.bit) !== 0) collect(region);
  }
  const options = new Map<number, Uint8Array>();
  for (const [code, values] of parts) {
    const need = LENGTHS.get(code);
    const value = need === undefined ? join(values) : firstOf(values, need);
    if (value !== undefined) options.set(code, value);
    else faults.push(`Cannot decode option ${code}: need ${bytesOf(need!)}, have ${join(values).length}`);
  }
  return { options, fault: faults[0] };
}

/** The first value that has the length, or else the whole of them if that has it. */
function firstOf(values: readonly Uint8Array[], length: number): Uint8Array | undefined {
  return [...values, join(values)].find((value) => value.length === length);
}

/**
 * Encodes options in the order given, and the end mark. A value longer than one option can hold is split.
 */
export function encodeOptions(options: Iterable<readonly [code: number, value: Uint8Array]>): Uint8Array {
  const bytes: number[] = [];
  for (const [code, value] of options) {
    for (let at = 0; at === 0 || at < value.length; at += MAX_LENGTH) {
      const part = value.subarray(at, at + MAX_LENGTH);
      bytes.push(code, part.length, ...part);
    }
  }
  return Uint8Array.from([...bytes, END]);
}

/** Reads an option that holds one byte; `undefined` if it is not there. */
export function readByte(options: Options, code: number): number | undefined {
  return options.get(code)?.[0];
}

/** Reads an option that holds an IPv4 address, as dotted-quad text; `undefined` if it is not there or shorter. */
export function readAddress(options: Options, code: number): string | undefined {
  const value = options.get(code);
  return value === undefined || value.length < 4 ? undefined : decodeAddress(value);
}

/** Decodes the four bytes of an IPv4 address, from `offset` on, to dotted-quad text. */
export function decodeAddress(bytes: Uint8Array, offset = 0): string {
  return formatIPv4(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset));
}

/**
 * Encodes a dotted-quad IPv4 address.
 *
 * @throws {TypeError} If the text is no address.
 */
export function encodeAddress(address: string): Uint8Array {
  const value = parseIPv4(address);
  if (value === undefined) throw new TypeError(`Cannot encode address: "${address}" is not dotted-quad IPv4`);
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** What was found of each code, one part for each time it came. */
type Parts = Map<number, Uint8Array[]>;

interface Region {
  readonly field?: string;
  readonly from: number;
  readonly to: number;
}

/**
 * | byte | content                                  |
 * | ---- | ---------------------------------------- |
 * | 0    | code; 0 is padding and 255 the end, both alone |
 * | 1    | length of the value                      |
 * | 2... | value                                    |
 *
 * @returns what ended the field too early, if something did
 */
function collectOptions(
  message: Uint8Array,
  { from, to, field }: Region,
  parts: Parts,
): string | undefined {
  const where = field === undefined ? "" : ` in ${field}`;
  let at = from;
  // Some servers leave out the end mark where the field is full: running out between two options is no error.
  while (at < to && message[at] !== END) {
    const code = message[at]!;
    if (code === PAD) {
      at += 1;
      continue;
    }
    const length = message[at + 1];
    if (at + 1 >= to || length === undefined) {
      return `Cannot decode option ${code}${where}: need a length byte, have none`;
    }
    const start = at + 2;
    if (start + length > to) {
      return `Cannot decode option ${code}${where}: need ${bytesOf(length)}, have ${to - start}`;
    }
    const values = parts.get(code);
    const value = message.subarray(start, start + length);
    if (values === undefined) parts.set(code, [value]);
    else values.push(value);
    at = start + length;
  }
  return undefined;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function bytesOf(count: number): string {
  return count === 1 ? "1 byte" : `${count} bytes`;
}
