/**
 * Bytes as text, one character for each, which `TextDecoder` does for no encoding it knows.
 *
 * @module
 */

/** Reads bytes as the characters with those numbers. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return text;
}

/** Writes characters as the bytes with their numbers. */
export function fromLatin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
