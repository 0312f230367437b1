/**
 * What the pictures share.
 *
 * @module
 */

/** Makes a text safe within SVG. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Fonts whose characters are all of one width, wherever the picture is looked at. */
export const MONOSPACE = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
