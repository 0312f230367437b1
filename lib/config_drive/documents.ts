/**
 * What a virtual router would serve of what a drive holds: a document for each path. Knows the router's paths and which
 * of them exist although they are empty.
 *
 * | path | document |
 * |---|---|
 * | `/latest/user-data` | user-data; empty where the VM has none |
 * | `/latest/meta-data/`, `/latest/meta-data` | the keys, one a line |
 * | `/latest/meta-data/<key>`, `/latest/<key>` | a value; empty for a key that every router has and this VM lacks |
 *
 * A slash at the end is tolerated. Anything else is not there.
 *
 * @module
 */

import { fingerprint } from "./fingerprint.ts";
import type { DriveFile, DriveFiles } from "./read_drive.ts";

/** What can be asked for. */
export interface Document extends DriveFile {
  readonly type: string;
  /** Strong: the same bytes have the same, whatever drive they come from. With its quotes. */
  readonly etag: string;
}

/** Looks a document up by the path of a request, as it was written. */
export type Documents = (path: string) => Document | undefined;

/** The keys that every router has, an empty one where there is nothing to say (CloudStack's `vmdata.py`). */
const STANDARD_KEYS = [
  "availability-zone",
  "cloud-identifier",
  "instance-id",
  "local-hostname",
  "local-ipv4",
  "public-hostname",
  "public-ipv4",
  "public-keys",
  "service-offering",
  "vm-id",
] as const;

const NOTHING = new Uint8Array(0);
const TEXT = "text/plain";
const PATH = /^\/latest\/(?:(meta-data)\/)?([^/]*)\/?$/;

/** Makes the documents. */
export async function createDocuments({ metadata, userData }: DriveFiles): Promise<Documents> {
  const newest = Math.max(...[...metadata.values()].map(({ modifiedAt }) => modifiedAt));
  const empty: DriveFile = { bytes: NOTHING, modifiedAt: newest };
  const keys = [...new Set([...STANDARD_KEYS, ...metadata.keys()])].sort();
  const values = new Map<string, Document>();
  for (const key of keys) values.set(key, await toDocument(metadata.get(key) ?? empty, TEXT));
  const listed = new TextEncoder().encode(keys.map((key) => `${key}\n`).join(""));
  const list = await toDocument({ bytes: listed, modifiedAt: newest }, TEXT);
  const user = await toDocument(
    userData ?? empty,
    isText(userData?.bytes ?? NOTHING) ? TEXT : "application/octet-stream",
  );

  return (path) => {
    const [, folder, name] = PATH.exec(decode(path)) ?? [];
    if (name === undefined) return undefined;
    if (folder === undefined && name === "user-data") return user;
    if (name === (folder === undefined ? "meta-data" : "")) return list;
    return values.get(name);
  };
}

async function toDocument({ bytes, modifiedAt }: DriveFile, type: string): Promise<Document> {
  const etag = `"${(await fingerprint(bytes)).slice(0, 16)}"`;
  // HTTP's dates have no milliseconds: what is compared with one must not either.
  return { bytes, modifiedAt: Math.floor(modifiedAt / 1_000) * 1_000, type, etag };
}

/** Tells text from what is compressed or packed: it is UTF-8, and has no NUL. */
function isText(bytes: Uint8Array): boolean {
  try {
    return !new TextDecoder("utf-8", { fatal: true }).decode(bytes).includes("\0");
  } catch {
    return false;
  }
}

/** As Apache does; what cannot be decoded names nothing. */
function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return "";
  }
}
