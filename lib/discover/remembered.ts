/**
 * What is remembered of a router over a restart: one small JSON document.
 *
 * ```
 *   {"version":1,"iname":"eth0","address":"10.1.1.1","source":"dhcp","interface":"eth0","identity":"i-2-10-VM"}
 * ```
 *
 * Pure. Whoever is remembered is only the first candidate: it has to prove itself like any other.
 *
 * @module
 */

import { SOURCE_NAMES } from "../config/words.ts";
import type { SourceName } from "../config/words.ts";
import { kindOf } from "../config_drive/address.ts";
import { isUsableRouter } from "../ipv4/ipv4.ts";
import type { Router } from "./router.ts";
import { parseInstanceId } from "./validate.ts";

/** A router of an earlier run. */
export interface Remembered extends Pick<Router, "address" | "source" | "iface" | "identity"> {
  /** Where it was searched for: `--iname`. */
  readonly iname: string;
}

/** Where a router is remembered. Neither may reject or throw: without a memory the program does without. */
export interface RouterMemory {
  /** The text that was written last; `undefined` if there is none. */
  read(): string | undefined;
  write(text: string): void;
}

const VERSION = 1;

/** Formats what is to be remembered. */
export function formatRemembered({ iname, address, source, iface, identity }: Remembered): string {
  return JSON.stringify({ version: VERSION, iname, address, source, interface: iface ?? null, identity }) + "\n";
}

/**
 * Parses what was remembered.
 *
 * @throws {TypeError} If it is not what this program writes.
 */
export function parseRemembered(text: string): Remembered {
  const { version, iname, address, source, interface: iface, identity } = parseObject(text);
  if (version !== VERSION) throw new TypeError("it has another version");
  if (typeof address !== "string" || !isPossible(address)) throw new TypeError("it names no address of a router");
  if (!isSource(source)) throw new TypeError("it names no source");
  if (!isInterface(iname) || (iface !== null && !isInterface(iface))) throw new TypeError("it names no interface");
  if (typeof identity !== "string" || !isIdentity(identity)) throw new TypeError("it holds no instance-id");
  return Object.freeze({ iname, address, source, iface: iface ?? undefined, identity });
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TypeError("it is no JSON", { cause });
  }
  if (typeof value !== "object" || value === null) throw new TypeError("it is no JSON object");
  return value as Readonly<Record<string, unknown>>;
}

function isPossible(address: string): boolean {
  return kindOf(address) === "drive" || isUsableRouter(address);
}

function isSource(source: unknown): source is SourceName {
  return SOURCE_NAMES.some((name) => name === source);
}

/** The kernel's rule for names of interfaces, alternative ones included (dev_valid_name). */
function isInterface(name: unknown): name is string {
  return typeof name === "string" && /^[^\s/]{1,127}$/.test(name);
}

function isIdentity(identity: string): boolean {
  try {
    return parseInstanceId(identity) === identity;
  } catch {
    return false;
  }
}
