/**
 * Reads bodies that are worth nothing in parts.
 *
 * @module
 */

import type { ResponseBody } from "./message.ts";

/**
 * Reads a body to its end.
 *
 * @returns `undefined` if it is longer than that; the rest is given up then
 * @throws {UpstreamError} If it is cut short, malformed or stands still.
 */
export async function readWhole(body: ResponseBody, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const whole = new Uint8Array(maxBytes);
  let length = 0;
  for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
    if (length + piece.length > maxBytes) return void body.cancel();
    whole.set(piece, length);
    length += piece.length;
  }
  return whole.slice(0, length);
}
