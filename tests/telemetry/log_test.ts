import { assert, assertEquals } from "@std/assert";
import type { LogFormat, LogLevel } from "../../lib/telemetry/log.ts";
import { createLog, describeError, escapeControls, SILENT, toPrintableJson } from "../../lib/telemetry/log.ts";
import { rememberRecent } from "../../lib/telemetry/recent.ts";
import { test } from "../support/test.ts";

function capture(format: LogFormat, level: LogLevel = "debug") {
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line), { level, format, now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6) });
  return { lines, log };
}

test("createLog writes one line per event in each format", () => {
  const fields = { router: "10.1.1.1", elapsedMs: 12, reason: 'said "no"', absent: undefined };
  const table: [LogFormat, string][] = [
    ["text", '2026-01-02T03:04:05.006Z warn  router lost router=10.1.1.1 elapsedMs=12 reason="said \\"no\\""\n'],
    ["journal", '<4>router lost router=10.1.1.1 elapsedMs=12 reason="said \\"no\\""\n'],
    [
      "json",
      '{"time":"2026-01-02T03:04:05.006Z","level":"warn","message":"router lost","router":"10.1.1.1","elapsedMs":12,"reason":"said \\"no\\""}\n',
    ],
  ];
  for (const [format, line] of table) {
    const { lines, log } = capture(format);
    log.warn("router lost", fields);
    assertEquals(lines, [line]);
  }
});

test("createLog leaves out what is below its level", () => {
  const { lines, log } = capture("journal", "warn");
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  assertEquals(lines, ["<4>c\n", "<3>d\n"]);
});

test("createLog lets no field end, hide or reorder a line", () => {
  const hostile = '/a\nb\r\u001b[2Jc\u0000d\u2028e\u202ef\u009bg"h\\';
  for (const format of ["text", "json", "journal"] as const) {
    const { lines, log } = capture(format);
    log.info("request", { path: hostile });
    assertEquals(lines.length, 1);
    const [line] = lines;
    assert(line!.endsWith("\n"));
    // deno-lint-ignore no-control-regex
    assert(!/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/.test(line!.slice(0, -1)), line);
    if (format === "json") assertEquals(JSON.parse(line!).path, hostile);
  }
});

test("createLog cuts a field that is too long to read", () => {
  const { lines, log } = capture("text");
  log.info("request", { path: "x".repeat(100_000) });
  assert(lines[0]!.length < 1_000);
});

test("createLog gives each level its priority in the journal", () => {
  const { lines, log } = capture("journal");
  for (const level of ["debug", "info", "warn", "error"] as const) log[level](level);
  assertEquals(lines, ["<7>debug\n", "<6>info\n", "<4>warn\n", "<3>error\n"]);
});

test("createLog leaves a field of 512 characters whole, and says that a longer one was cut", () => {
  const { lines, log } = capture("journal");
  log.info("request", { path: "x".repeat(512) });
  log.info("request", { path: "x".repeat(513) });
  assertEquals(lines, [`<6>request path=${"x".repeat(512)}\n`, `<6>request path="${"x".repeat(512)}…"\n`]);
});

test("createLog writes numbers and truths as JSON has them, and everything else as text", () => {
  const { lines, log } = capture("json");
  log.info("x", { count: 0, isThere: false, nothing: null, error: new Error("why") });
  const { count, isThere, nothing, error } = JSON.parse(lines[0]!);
  assertEquals([count, isThere, nothing, error], [0, false, "null", "why"]);
});

test("escapeControls shows whatever could end, hide or reorder a line", () => {
  const hostile = "\u0000\u001f\u007f\u009f\u2028\u2029\u200e\u200f\u202a\u202e\u2066\u2069";
  const shown = "\\u0000\\u001f\\u007f\\u009f\\u2028\\u2029\\u200e\\u200f\\u202a\\u202e\\u2066\\u2069";
  assertEquals(escapeControls(`a${hostile}b`), `a${shown}b`);
  assertEquals(escapeControls("Straße, 漢字 ~ \u00a0"), "Straße, 漢字 ~ \u00a0");
});

test("toPrintableJson says the same as JSON, and nothing that a terminal would obey", () => {
  const document = { text: "a\u009b31m\n\u202eb", list: [1, null] };
  const text = toPrintableJson(document);
  assertEquals(JSON.parse(text), document);
  assertEquals(text, '{\n  "text": "a\\u009b31m\\n\\u202eb",\n  "list": [\n    1,\n    null\n  ]\n}\n');
});

test("describeError goes no deeper than five causes, and names an error without a message", () => {
  let error = new Error("6");
  for (const text of ["5", "4", "3", "2", "1"]) error = new Error(text, { cause: error });
  assertEquals(describeError(error), "1: 2: 3: 4: 5");
  assertEquals(describeError(new TypeError()), "TypeError");
});

test("describeError leaves out Deno's advice on how to compile a program", () => {
  const refusal = 'Requires write access to "/etc/x"';
  for (
    const advice of [
      ", run again with the --allow-write flag",
      ", specify the required permissions during compilation using `deno compile --allow-write`",
    ]
  ) {
    assertEquals(
      describeError(new Error("Cannot open", { cause: new Error(refusal + advice) })),
      `Cannot open: ${refusal}`,
    );
  }
});

test("describeError says an error with its causes, each once", () => {
  const cause = new Error("connection refused");
  assertEquals(
    describeError(new Error("Cannot reach 10.1.1.1", { cause })),
    "Cannot reach 10.1.1.1: connection refused",
  );
  assertEquals(
    describeError(new Error("Cannot reach: connection refused", { cause })),
    "Cannot reach: connection refused",
  );
  assertEquals(describeError("plain"), "plain");
  assertEquals(describeError(new Error("No router found", { cause: Symbol("late") })), "No router found");
});

test("rememberRecent keeps no more of a field than a line says", () => {
  const recent = rememberRecent(SILENT, 1);
  recent.log.warn("request failed", { path: "x".repeat(16_000), status: 502 });
  assertEquals(recent.events()[0]!.fields, { path: `${"x".repeat(512)}…`, status: "502" });
});

test("rememberRecent keeps the last warnings and errors and passes everything on", () => {
  const { lines, log } = capture("journal");
  const recent = rememberRecent(log, 2);
  recent.log.info("fine");
  recent.log.warn("first");
  recent.log.error("second", { error: new Error("why") });
  assertEquals(recent.events()[1]!.fields, { error: "why" });
  recent.log.warn("third", { router: "10.1.1.1" });
  recent.log.debug("fine too");
  recent.log.warn("fourth", { absent: undefined });
  assertEquals(lines.length, 6);
  assertEquals(recent.events().map(({ level, message, fields }) => ({ level, message, fields })), [
    { level: "warn", message: "third", fields: { router: "10.1.1.1" } },
    { level: "warn", message: "fourth", fields: {} },
  ]);
});
