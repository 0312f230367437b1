/**
 * Who a client may say it is talking to (RFC 9110 section 7.2).
 *
 * A page in a browser on this machine can make a name of its own resolve to this proxy (DNS rebinding), and would then
 * read the metadata as if it were its own; but it cannot help sending that name as the Host.
 *
 * @module
 */

import { isLoopback } from "../../ipv4/ipv4.ts";
import type { ListenAddress } from "../../config/value.ts";

const AUTHORITY = /^(\[[0-9a-f:]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/;

/**
 * Creates the check for the value of a Host: the listen address, loopback in any spelling, or one of the allowed
 * names, each with any port or none (a forwarded port is another number on the client's side).
 */
export function createHostCheck(listen: ListenAddress, allowed: readonly string[]): (authority: string) => boolean {
  const own = listen.hostname.includes(":") ? `[${listen.hostname}]` : listen.hostname;
  const names = new Set([own, "localhost", "127.0.0.1", "[::1]", ...allowed]);
  const usual = new Set([...names].flatMap((name) => [name, `${name}:${listen.port}`]));

  return (authority) => {
    if (usual.has(authority)) return true;
    const [, name] = AUTHORITY.exec(authority.toLowerCase()) ?? [];
    return name !== undefined && (names.has(name) || isLoopback(name));
  };
}
