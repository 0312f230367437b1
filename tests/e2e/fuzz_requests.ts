/**
 * Makes requests that no decent client would send, from a seed.
 *
 * @module
 */

/** A source of random choices that a seed repeats (mulberry32). */
export interface Chance {
  /** A whole number from 0 up to but not including `limit`. */
  below(limit: number): number;
  pick<T>(from: readonly T[]): T;
}

/** Creates a source of chance. */
export function createChance(seed: number): Chance {
  let state = seed >>> 0;
  const below = (limit: number) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * limit);
  };
  return { below, pick: (from) => from[below(from.length)]! };
}

/** Where a request is meant to go wrong. */
export interface Hosts {
  /** A name or address that the program answers to. */
  readonly own: string;
  /** Addresses that no request may ever reach. */
  readonly foreign: readonly string[];
}

const METHODS = ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "G\tT", ""];
const VERSIONS = ["HTTP/1.0", "HTTP/2.0", "HTTP/1.1 ", "HTTP/9", "http/1.1", ""];
const ENDS = ["\n", "\r", "\r\r\n", "\n\r"];
const BODIES = ["hello", "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"];

/**
 * Writes one request, as bytes whose numbers are the characters'. Most of it is as it should be: a request that is wrong
 * all over is refused before anything in it is looked at.
 */
export function composeRequest(chance: Chance, { own, foreign }: Hosts): string {
  const other = chance.pick(foreign);
  const seldom = <T>(usual: T, others: readonly T[]) => chance.below(6) === 0 ? chance.pick(others) : usual;
  const target = chance.pick([
    ...["/latest/vm-id", "/latest/vm-id?a=b", "/latest/meta-data/instance-id?q", "/", "*", "", "latest", "?", "#"],
    ...[`http://${other}/latest/vm-id`, `http://${own}/latest/vm-id`, `HTTP://${other}:80/`, `https://${other}/`],
    ...[`${other}:80`, `//${other}/latest/vm-id`, `///${other}/`, `/\\${other}/`, `\\\\${other}\\`, `@${other}/`],
    ...[
      `/@${other}`,
      `/../..//${other}`,
      `/%2e%2e/%2f${other}`,
      `/x HTTP/1.1\r\nHost: ${other}\r\nX: `,
      `:80@${other}/`,
    ],
    ...["/%00", "/%0d%0aX-Injected:%20yes", "/\x00", "/\x0b", "/\t", "/ä", "/\xff\xfe", "/%", "/%zz", "/a b", "/{}|^`"],
    `/${"a".repeat(chance.below(70_000))}`,
  ]);
  const headers = Array.from({ length: chance.below(3) }, () =>
    chance.pick([
      ...[`Host: ${other}`, `Host: ${own}`, "Host:", "Host: a, b", `Host: ${own}@${other}`, "Connection: close, Host"],
      ...["Content-Length: 5", "Content-Length: -1", "Content-Length: 5, 5", "Content-Length: 99999999999999999999"],
      ...["Transfer-Encoding: chunked", "Transfer-Encoding : chunked", "Transfer-Encoding: xchunked, chunked"],
      ...["Connection: X-Kept", "Connection: keep-alive", "Connection: upgrade", "Upgrade: websocket", "TE: trailers"],
      ...[`X-Forwarded-For: ${other}`, `X-Forwarded-Host: ${other}`, `Forwarded: host=${other}`, `Via: 1.1 ${other}`],
      ...["X-Real-IP: 10.1.1.2", "Proxy-Authorization: Basic Og==", "Proxy-Connection: keep-alive", "Trailer: Host"],
      ...[
        "X-Folded: a\r\n b",
        "NoColon",
        ": no-name",
        "X Y: z",
        "X\x00: y",
        "X: \x00",
        "X: a\nHost: b",
        "X:\x7f\x80\xff",
      ],
      ...[`X-Long: ${"b".repeat(chance.below(40_000))}`, "Range: bytes=0-0,2-2", "If-None-Match: *", "Accept: */*"],
      ...["Expect: 100-continue", "X-Kept: yes", "Cookie: a=b", "Authorization: Basic Og==", "X-Empty:"],
    ]));
  const lines = [
    `${seldom("GET", METHODS)} ${target} ${seldom("HTTP/1.1", VERSIONS)}`,
    ...seldom([`Host: ${own}`], [[], [`Host: ${other}`]]),
    ...headers,
    "",
    "",
  ];
  return mutate(lines.join(seldom("\r\n", ENDS)) + seldom("", BODIES), chance);
}

/** Seldom changes, doubles, drops or inserts a few characters below a limit, or cuts the end off. */
export function mutate(text: string, chance: Chance, limit = 256): string {
  let mutated = text;
  for (let count = Math.max(0, chance.below(12) - 8); count > 0; count--) {
    const at = chance.below(mutated.length + 1);
    const character = String.fromCharCode(chance.below(limit));
    mutated = chance.pick([
      mutated.slice(0, at) + character + mutated.slice(at + 1),
      mutated.slice(0, at) + character + mutated.slice(at),
      mutated.slice(0, at) + mutated.slice(at + 1 + chance.below(5)),
      mutated.slice(0, at) + mutated.slice(Math.max(0, at - chance.below(30))),
      mutated.slice(0, at),
    ]);
  }
  return mutated;
}
