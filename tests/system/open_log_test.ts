import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { openLogSink } from "../../lib/system/log_sink.ts";
import { openLog } from "../../lib/system/open_log.ts";
import { NEEDS_ROOT, networkTest } from "../support/net/network_test.ts";
import { runCommand } from "../support/net/process.ts";
import { test } from "../support/test.ts";

test("openLog appends, and goes on in a new file once the old one was moved away", () => {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/mdproxy4cs.log`;
  Deno.writeTextFileSync(path, "before\n");
  const { log, reopen, close } = openLog({ level: "info", format: "text", file: path });
  log.info("one");
  Deno.renameSync(path, `${path}.1`);
  log.info("two");
  reopen();
  log.info("three");
  close();
  assertMatch(Deno.readTextFileSync(`${path}.1`), /^before\n.* one\n.* two\n$/);
  assertMatch(Deno.readTextFileSync(path), /^.* three\n$/);
  Deno.removeSync(folder, { recursive: true });
});

test("openLogSink names the file that it cannot open", () => {
  const error = assertThrows(() => openLogSink("/tmp/no/such/folder/log"), Error);
  assertStringIncludes(error.message, 'Cannot open --log-file "/tmp/no/such/folder/log"');
});

test("openLog keeps the old file when it cannot open it anew", () => {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/sub/mdproxy4cs.log`;
  Deno.mkdirSync(`${folder}/sub`);
  const { log, reopen, close, recent } = openLog({ level: "info", format: "json", file: path });
  Deno.renameSync(`${folder}/sub`, `${folder}/moved`);
  reopen();
  log.info("still here");
  close();
  assertStringIncludes(Deno.readTextFileSync(`${folder}/moved/mdproxy4cs.log`), "still here");
  assertEquals(recent().map(({ message }) => message), ["keeping the old log file"]);
  Deno.removeSync(folder, { recursive: true });
});

test("openLogSink creates a file for its owner and group alone", () => {
  const folder = Deno.makeTempDirSync();
  const mask = Deno.umask(0);
  openLogSink(`${folder}/log`).close();
  Deno.umask(mask);
  assertEquals(Deno.statSync(`${folder}/log`).mode! & 0o777, 0o640);
  Deno.removeSync(folder, { recursive: true });
});

test("openLogSink waits for nothing: a FIFO, a folder and a device are refused", () => {
  const folder = Deno.makeTempDirSync();
  new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).outputSync();
  for (const path of [`${folder}/fifo`, folder, "/dev/null"]) {
    assertThrows(
      () => openLogSink(path),
      Error,
      `Cannot open --log-file "${path}": it is not a regular file; a log may be in`,
    );
  }
  Deno.removeSync(folder, { recursive: true });
});

test("openLog logs to standard output instead of a file that cannot be opened, says so, and takes the file once it can", () => {
  const folder = Deno.makeTempDirSync();
  const file = `${folder}/sub/mdproxy4cs.log`;
  const { log, recent, reopen, close } = openLog({ level: "error", format: "text", file });
  log.info("below the level");
  reopen();
  assertEquals(recent().map(({ message }) => message), Array(2).fill("logging to standard output instead"));
  Deno.mkdirSync(`${folder}/sub`);
  reopen();
  log.error("a line");
  close();
  assertMatch(Deno.readTextFileSync(file), /^\S+Z error a line\n$/);
  assertEquals(recent().length, 3);
  Deno.removeSync(folder, { recursive: true });
});

test("openLog writes text with the time into a file, whoever reads standard output", () => {
  const folder = Deno.makeTempDirSync();
  Deno.env.set("JOURNAL_STREAM", "8:1");
  const { log, close } = openLog({ level: "info", format: "text", file: `${folder}/log` });
  log.warn("a line", { value: 1 });
  close();
  Deno.env.delete("JOURNAL_STREAM");
  assertMatch(Deno.readTextFileSync(`${folder}/log`), /^\d{4}-\d\d-\d\dT\S+Z warn {2}a line value=1\n$/);
  Deno.removeSync(folder, { recursive: true });
});

networkTest("openLogSink follows a link of its own or root's, and none of anybody else's", NEEDS_ROOT, async () => {
  const folder = Deno.makeTempDirSync();
  Deno.writeTextFileSync(`${folder}/target`, "untouched\n");
  Deno.symlinkSync(`${folder}/target`, `${folder}/link`);
  openLogSink(`${folder}/link`).close();
  assertEquals((await runCommand(["chown", "-h", "12345", `${folder}/link`])).code, 0);
  assertThrows(() => openLogSink(`${folder}/link`), Error, "it is a link that somebody else made");
  assertEquals(Deno.readTextFileSync(`${folder}/target`), "untouched\n");
  Deno.removeSync(folder, { recursive: true });
});

const DESTINATIONS: readonly (readonly [
  what: string,
  options: { readonly stream: string | undefined; readonly isTerminal: boolean; readonly format: "text" | "json" },
  line: RegExp,
])[] = [
  ["the journal", { stream: "8:1", isTerminal: false, format: "text" }, /^<4>a line\n$/],
  ["a terminal of a service", { stream: "8:1", isTerminal: true, format: "text" }, /^\d{4}-\S+Z warn {2}a line\n$/],
  ["a pipe", { stream: undefined, isTerminal: false, format: "text" }, /^\d{4}-\S+Z warn {2}a line\n$/],
  [
    "the journal, as JSON",
    { stream: "8:1", isTerminal: false, format: "json" },
    /^\{"time":".*"message":"a line"\}\n$/,
  ],
];

for (const [what, { stream, isTerminal, format }, line] of DESTINATIONS) {
  test(`openLog writes to standard output what suits ${what}`, () => {
    const written: string[] = [];
    const before = Deno.env.get("JOURNAL_STREAM");
    if (stream === undefined) Deno.env.delete("JOURNAL_STREAM");
    else Deno.env.set("JOURNAL_STREAM", stream);
    const own = {
      isTerminal: () => isTerminal,
      writeSync: (bytes: Uint8Array) => written.push(text(bytes)) * bytes.length,
    };
    try {
      withStandardOutput(own, () => {
        const { log, close } = openLog({ level: "info", format, file: "-" });
        log.warn("a line");
        close();
      });
    } finally {
      if (before === undefined) Deno.env.delete("JOURNAL_STREAM");
      else Deno.env.set("JOURNAL_STREAM", before);
    }
    assertMatch(written.join(""), line);
  });
}

test("openLog goes on where nothing can be written, begins a new line behind half a one, and says what was lost", () => {
  let room = 0;
  let written = "";
  const writeSync = (bytes: Uint8Array) => {
    if (room === 0) throw new Deno.errors.WriteZero("No space left on device");
    const count = Math.min(room, bytes.length);
    room -= count;
    written += text(bytes.subarray(0, count));
    return count;
  };
  withStandardOutput({ isTerminal: () => false, writeSync }, () => {
    const { log, recent, close } = openLog({ level: "info", format: "json", file: "-" });
    for (const space of [0, 10, 0, Infinity]) {
      room = space;
      log.info(`with room for ${space}`);
    }
    log.info("and all is well");
    close();
    assertEquals(recent().map(({ message, fields }) => [message, fields]), [["lines of the log were lost", {
      count: "3",
    }]]);
  });
  const [half, ...lines] = written.trimEnd().split("\n");
  assertEquals(half, '{"time":"2');
  assertEquals(lines.map((line) => JSON.parse(line).message), [
    "with room for Infinity",
    "lines of the log were lost",
    "and all is well",
  ]);
});

/** Does something with another standard output. */
function withStandardOutput(own: Pick<typeof Deno.stdout, "isTerminal" | "writeSync">, act: () => void): void {
  const { isTerminal, writeSync } = Deno.stdout;
  Object.assign(Deno.stdout, own);
  try {
    act();
  } finally {
    Object.assign(Deno.stdout, { isTerminal, writeSync });
  }
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
