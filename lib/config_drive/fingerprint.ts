/**
 * What tells one content of a drive from another, and is not that content.
 *
 * @module
 */

/** Returns the SHA-256 of bytes, or of a text in UTF-8, in lower-case hexadecimal. */
export async function fingerprint(what: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const bytes = typeof what === "string" ? new TextEncoder().encode(what) : what;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
