import { assertEquals } from "@std/assert";
import { createReasonLog } from "../../lib/telemetry/reason_log.ts";
import type { Fields } from "../../lib/telemetry/log.ts";
import { SILENT } from "../../lib/telemetry/log.ts";
import { test } from "../support/test.ts";

test("createReasonLog says each reason once a minute, and how often it was meanwhile; each time at debug", () => {
  const said: [string, Fields | undefined][] = [];
  const unsaid: (Fields | undefined)[] = [];
  let time = 0;
  const note = createReasonLog("refused a request", {
    log: {
      ...SILENT,
      info: (message, fields) => void said.push([message, fields]),
      debug: (_, fields) => void unsaid.push(fields),
    },
    now: () => time,
  });
  const take = () => said.splice(0).map(([message, fields]) => [message, fields?.["reason"], fields?.["before"]]);

  for (const reason of ["a", "a", "b"]) note(reason, { status: 403 });
  assertEquals(said[0]![1]!["status"], 403);
  assertEquals(take(), [["refused a request", "a", undefined], ["refused a request", "b", undefined]]);
  time = 59_999;
  note("a", {});
  assertEquals(take(), []);
  time = 60_000;
  for (let i = 0; i < 2; i++) note("a", {});
  note("b", {});
  assertEquals(take(), [["refused a request", "a", 2], ["refused a request", "b", undefined]]);
  assertEquals(unsaid, [{ reason: "a", status: 403 }, { reason: "a" }, { reason: "a" }]);
});
