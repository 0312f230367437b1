/**
 * SHA-256 (FIPS 180-4) and HMAC (RFC 2104) over it, at once: the platform's own are asynchronous, and node's module for
 * them costs memory that a VM's agent should not take. For tokens of a few bytes. Pure.
 *
 * @module
 */

/** A block and a digest, in bytes. */
const BLOCK = 64;
const DIGEST = 32;

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes: what an array of 32 bits keeps. */
const K = Uint32Array.from(primes(64), (prime) => Math.cbrt(prime) * 2 ** 32);
/** The same of the square roots of the first eight. */
const INITIAL = Uint32Array.from(primes(8), (prime) => Math.sqrt(prime) * 2 ** 32);

/** Computes SHA-256. @returns 32 bytes */
export function sha256(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = message.length;
  // The message, one bit, zeros, and its length in bits as 64 of them, up to a multiple of the block.
  const padded = new Uint8Array((length + 9 + BLOCK - 1) & -BLOCK);
  padded.set(message);
  padded[length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(length / 2 ** 29));
  view.setUint32(padded.length - 4, length << 3);

  const state = INITIAL.slice();
  const schedule = new Uint32Array(64);
  for (let at = 0; at < padded.length; at += BLOCK) compress(state, view, { at, schedule });

  const digest = new Uint8Array(DIGEST);
  const out = new DataView(digest.buffer);
  state.forEach((word, i) => out.setUint32(4 * i, word));
  return digest;
}

/** Computes HMAC-SHA-256. @param key at most 64 bytes @returns 32 bytes */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array<ArrayBuffer> {
  const keyed = (pad: number, rest: Uint8Array): Uint8Array => {
    const block = new Uint8Array(BLOCK + rest.length).fill(pad, 0, BLOCK);
    key.forEach((byte, i) => block[i] = byte ^ pad);
    block.set(rest, BLOCK);
    return block;
  };
  return sha256(keyed(0x5c, sha256(keyed(0x36, message))));
}

function compress(
  state: Uint32Array,
  view: DataView,
  { at, schedule: w }: { readonly at: number; readonly schedule: Uint32Array },
): void {
  for (let i = 0; i < 16; i++) w[i] = view.getUint32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const [before, last] = [w[i - 15]!, w[i - 2]!];
    const s0 = rotate(before, 7) ^ rotate(before, 18) ^ (before >>> 3);
    const s1 = rotate(last, 17) ^ rotate(last, 19) ^ (last >>> 10);
    w[i] = w[i - 16]! + s0 + w[i - 7]! + s1;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = h + s1 + ((e & f) ^ (~e & g)) + K[i]! + w[i]!;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => state[i]! += word);
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}
