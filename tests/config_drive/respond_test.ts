import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Header } from "../../lib/http1/message.ts";
import { ask, driveTest, load, SAMPLE } from "./drive_case.ts";

const LAST_MODIFIED = "Fri, 02 Jan 2026 03:04:05 GMT";

driveTest("createConfigDrive describes a document as a web server does, to HEAD too", async (at) => {
  await load(at);
  const { fields, status } = await ask(at.drive, "/latest/instance-id");
  const etag = fields["etag"]!;
  assertMatch(etag, /^"[0-9a-f]{16}"$/);
  const expected = {
    "last-modified": LAST_MODIFIED,
    etag,
    "cache-control": "no-cache",
    "accept-ranges": "bytes",
    "content-length": "9",
    "content-type": "text/plain",
  };
  assertEquals([status, fields], [200, expected]);
  const head = await ask(at.drive, "/latest/instance-id", [["Range", "bytes=0-1"]], "HEAD");
  assertEquals([head.status, head.fields, head.text], [200, expected, ""]);
  assertEquals((await ask(at.drive, "/latest/meta-data/")).fields["last-modified"], LAST_MODIFIED);
  await load(at, { ...SAMPLE, "instance-id": "i-2-51-VM" });
  assert((await ask(at.drive, "/latest/instance-id")).fields["etag"] !== etag);
  assertEquals((await ask(at.drive, "/latest/nothing", [], "HEAD")).status, 404);
});

driveTest("createConfigDrive answers conditions and ranges (RFC 9110 sections 13 and 14)", async (at) => {
  await load(at, { "instance-id": "0123456789" });
  const { fields: { etag = "" } } = await ask(at.drive, "/latest/instance-id");
  const before = "Fri, 02 Jan 2026 03:04:04 GMT";
  const table: [headers: Header[], status: number, body: string, contentRange?: string][] = [
    [[["If-None-Match", etag]], 304, ""],
    [[["if-none-match", `"x", W/${etag}`]], 304, ""],
    [[["If-None-Match", "*"]], 304, ""],
    [[["If-None-Match", '"x"']], 200, "0123456789"],
    [[["If-None-Match", '"x"'], ["If-Modified-Since", LAST_MODIFIED]], 200, "0123456789"],
    [[["If-Modified-Since", LAST_MODIFIED]], 304, ""],
    [[["If-Modified-Since", before]], 200, "0123456789"],
    [[["If-Modified-Since", "no date"]], 200, "0123456789"],
    [[["If-Modified-Since", "9999"]], 200, "0123456789"],
    [[["If-Match", etag]], 200, "0123456789"],
    [[["If-Match", "*"]], 200, "0123456789"],
    [[["If-Match", '"x"']], 412, ""],
    [[["If-Match", `W/${etag}`]], 412, ""],
    [[["If-Match", etag], ["If-Unmodified-Since", before]], 200, "0123456789"],
    [[["If-Unmodified-Since", before]], 412, ""],
    [[["If-Unmodified-Since", LAST_MODIFIED]], 200, "0123456789"],
    [[["Range", "bytes=0-0"]], 206, "0", "bytes 0-0/10"],
    [[["Range", "bytes=2-4"]], 206, "234", "bytes 2-4/10"],
    [[["Range", "bytes=7-"]], 206, "789", "bytes 7-9/10"],
    [[["Range", "bytes=9-9"]], 206, "9", "bytes 9-9/10"],
    [[["Range", "bytes=7-99"]], 206, "789", "bytes 7-9/10"],
    [[["Range", "bytes=-3"]], 206, "789", "bytes 7-9/10"],
    [[["Range", "bytes=-99"]], 206, "0123456789", "bytes 0-9/10"],
    [[["Range", "bytes=-0"]], 416, "", "bytes */10"],
    [[["Range", "bytes=10-"]], 416, "", "bytes */10"],
    [[["Range", "bytes=4-2"]], 200, "0123456789"],
    [[["Range", "bytes=-"]], 200, "0123456789"],
    [[["Range", "bytes=0-1,3-4"]], 200, "0123456789"],
    [[["Range", "lines=0-1"]], 200, "0123456789"],
    [[["Range", "bytes=0-1"], ["If-Range", etag]], 206, "01", "bytes 0-1/10"],
    [[["Range", "bytes=0-1"], ["If-Range", LAST_MODIFIED]], 206, "01", "bytes 0-1/10"],
    [[["Range", "bytes=0-1"], ["If-Range", before]], 200, "0123456789"],
    [[["Range", "bytes=0-1"], ["If-Range", '"x"']], 200, "0123456789"],
    [[["Range", "bytes=0-1"], ["If-None-Match", etag]], 304, ""],
  ];
  for (const [headers, status, body, contentRange] of table) {
    const answer = await ask(at.drive, "/latest/instance-id", headers);
    const what = JSON.stringify(headers);
    assertEquals([what, answer.status, answer.text, answer.fields["content-range"]], [
      what,
      status,
      body,
      contentRange,
    ]);
    if (status < 400) assertEquals([answer.fields["etag"], answer.fields["last-modified"]], [etag, LAST_MODIFIED]);
    if (status !== 304) assertEquals(answer.fields["content-length"], String(body.length), what);
  }
});

driveTest("createConfigDrive hands out copies, so that what a stream frees is not the drive's", async (at) => {
  await load(at);
  const { bytes } = await ask(at.drive, "/latest/instance-id");
  bytes.buffer.transfer(0);
  assertEquals((await ask(at.drive, "/latest/instance-id")).text, "i-2-50-VM");
});
