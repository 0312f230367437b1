/**
 * A config drive in a folder of the test's own, asked as the proxy asks it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { createConfigDrive } from "../../lib/config_drive/config_drive.ts";
import type { ConfigDrive } from "../../lib/config_drive/config_drive.ts";
import type { Header } from "../../lib/http1/message.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { writeDrive } from "../support/fakes/drive_folder.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import type { Metadata } from "../support/servers/metadata.ts";
import { test } from "../support/test.ts";

/** What a drive holds unless a test says otherwise. */
export const SAMPLE: Metadata = sampleMetadata("10.1.1.50");

/** A drive of which nothing was read, the folder that it will be read from, and what it logs. */
export interface Case {
  readonly root: string;
  readonly folder: string;
  readonly drive: ConfigDrive;
  readonly lines: string[];
}

/** Registers a test with a drive. */
export function driveTest(name: string, run: (at: Case) => Promise<void>): void {
  test(name, async () => {
    const root = await Deno.makeTempDir();
    const folder = `${root}/config-drive`;
    const lines: string[] = [];
    const log = createLog((line) => void lines.push(line), { level: "debug", format: "text" });
    try {
      await run({ root, folder, lines, drive: createConfigDrive({ folder, savedPath: `${root}/saved`, log }) });
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
}

/** Asks for a document. */
export async function ask(
  drive: ConfigDrive,
  target: string,
  headers: readonly Header[] = [],
  method: "GET" | "HEAD" = "GET",
) {
  const { status, headers: fields, body } = drive.respond({ method, target, headers });
  const { length } = body;
  const bytes = await body.read() ?? new Uint8Array(0);
  assertEquals(length, bytes.length);
  assertEquals(await body.read(), undefined);
  return { status, fields: Object.fromEntries(fields), bytes, text: new TextDecoder().decode(bytes) };
}

/** Puts a drive into the folder, in place of another, and has it read. */
export async function load({ drive, folder }: Case, metadata: Metadata = SAMPLE, password?: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await writeDrive(folder, metadata, { password });
  await drive.load();
}
