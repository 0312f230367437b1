/**
 * SHA-256 as `sha256sum` prints it.
 *
 * @module
 */

/** Returns the hash of a file's bytes in lower-case hexadecimal. */
export async function sha256(path: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path)));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
