import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { CONFIG_DRIVE, kindOf } from "../../lib/config_drive/address.ts";
import { createConfigDrive, withConfigDrive } from "../../lib/config_drive/config_drive.ts";
import { UpstreamError } from "../../lib/http1/error.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { writeDrive } from "../support/fakes/drive_folder.ts";
import { createFakeClient } from "../support/fakes/upstream_fakes.ts";
import { test } from "../support/test.ts";
import { ask, driveTest, load, SAMPLE } from "./drive_case.ts";

test("kindOf tells the drive from every router", () => {
  assertEquals([kindOf(CONFIG_DRIVE), kindOf("10.1.1.1")], ["drive", "router"]);
});

driveTest(
  "createConfigDrive has nothing until there is a drive, and finds one that comes and goes by reading anew",
  async (at) => {
    const { drive, folder, lines } = at;
    const isAway = () => {
      assertEquals(drive.isPresent(), false);
      const error = assertThrows(() => drive.respond({ method: "GET", target: "/latest/user-data", headers: [] }));
      assertEquals(error instanceof UpstreamError && error.kind, "unreachable");
    };
    await drive.load();
    isAway();
    assertEquals(lines, []);
    await load(at);
    assert(drive.isPresent());
    assertMatch(lines.join("\n"), /read the config drive.*keys=10/);
    await writeDrive(folder, { "user-data": "new" });
    assertEquals((await ask(drive, "/latest/user-data")).text, SAMPLE["user-data"]);
    await drive.load();
    assertEquals((await ask(drive, "/latest/user-data")).text, "new");
    await Deno.remove(folder, { recursive: true });
    await drive.load();
    isAway();
    assertMatch(lines.at(-1)!, /the config drive is gone/);
  },
);

test("withConfigDrive answers for the drive, and leaves every router to the client", async () => {
  const client = createFakeClient();
  const answer = { status: 200, headers: [], body: undefined as never };
  const asked: string[] = [];
  const both = withConfigDrive(client, {
    respond({ target }) {
      if (target === "/gone") throw new UpstreamError("unreachable", "gone");
      return answer;
    },
  });
  const head = { method: "GET", target: "/latest/user-data", headers: [] } as const;
  const { signal } = new AbortController();
  assertEquals(
    await both.request(CONFIG_DRIVE, head, { signal, onSent: ({ reused }) => asked.push(`sent ${reused}`) }),
    answer,
  );
  assertEquals([asked, client.asked.length], [["sent false"], 0]);
  await assertRejects(
    () => both.request(CONFIG_DRIVE, { ...head, target: "/gone" }, { signal }),
    UpstreamError,
    "gone",
  );
  await assertRejects(
    () => both.request(CONFIG_DRIVE, head, { signal: AbortSignal.abort(new Error("over")) }),
    Error,
    "over",
  );
  const routed = both.request("10.1.1.1", head, { signal });
  client.asked[0]!.answer(204);
  assertEquals((await routed).status, 204);
  both.close();
});

test("createConfigDrive has no drive where no folder was named", async () => {
  const lines: string[] = [];
  const log = createLog((line) => void lines.push(line), { level: "debug", format: "text" });
  const drive = createConfigDrive({ folder: undefined, savedPath: undefined, log });
  await drive.load();
  assertEquals([drive.isPresent(), await drive.password.take(), lines], [false, "saved_password", []]);
});
