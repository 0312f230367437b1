import { assertEquals, assertRejects } from "@std/assert";
import type { Ask } from "../../../lib/discover/sources/source.ts";
import { SourceError } from "../../../lib/discover/sources/source_error.ts";
import { configDrive } from "../../../lib/discover/sources/config_drive.ts";
import type { DriveState } from "../../../lib/system/host.ts";
import { createLan } from "../../support/fakes/lan.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";
import { test } from "../../support/test.ts";

async function ask(drive: DriveState): Promise<string[]> {
  const proposed: string[] = [];
  const { host } = createLan(createVirtualClock()).createGuest({ drive });
  await configDrive({ host, propose: (address: string) => void proposed.push(address) } as unknown as Ask);
  return proposed;
}

test("config_drive proposes a drive that is there, and says nothing where there is none", async () => {
  assertEquals(await ask({ isPresent: () => true, problem: () => undefined }), ["config-drive"]);
  assertEquals(await ask({ isPresent: () => false, problem: () => undefined }), []);
});

test("config_drive says why a drive that is there cannot be used", async () => {
  const error = await assertRejects(
    () => ask({ isPresent: () => false, problem: () => "no instance-id" }),
    SourceError,
  );
  assertEquals([error.kind, error.message], ["unreadable", "the config drive cannot be used: no instance-id"]);
});
