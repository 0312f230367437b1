import { assertEquals } from "@std/assert";
import { openNotifier, startWatchdog } from "../../lib/system/notify.ts";
import { SILENT } from "../../lib/telemetry/log.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";

test("openNotifier sends each notification as one datagram, in order", async () => {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/notify`;
  const manager = Deno.listenDatagram({ transport: "unixpacket", path });
  const notifier = openNotifier(path, { log: SILENT, bindTo: `${folder}/own` });
  assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["notify"], "its own end has no name for long");
  notifier.notify("READY=1", "STATUS=ready");
  notifier.notify("WATCHDOG=1");
  await notifier.close();
  const heard: string[] = [];
  for (let i = 0; i < 2; i++) heard.push(new TextDecoder().decode((await manager.receive())[0]));
  assertEquals(heard, ["READY=1\nSTATUS=ready", "WATCHDOG=1"]);
  manager.close();
  Deno.removeSync(folder, { recursive: true });
});

test("openNotifier sends no more than the service manager takes, and no part of a character", async () => {
  const folder = Deno.makeTempDirSync();
  const manager = Deno.listenDatagram({ transport: "unixpacket", path: `${folder}/notify` });
  const notifier = openNotifier(`${folder}/notify`, { log: SILENT, bindTo: `${folder}/own` });
  notifier.notify("READY=1", `STATUS=${"é".repeat(5_000)}`);
  await notifier.close();
  const [bytes] = await manager.receive(new Uint8Array(20_000));
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  assertEquals([text.slice(0, 18), bytes.length], ["READY=1\nSTATUS=ééé", 4_095]);
  manager.close();
  Deno.removeSync(folder, { recursive: true });
});

test("openNotifier does nothing without a service manager, and warns once of one that is gone", async () => {
  const warnings: string[] = [];
  const log = { ...SILENT, warn: (message: string) => void warnings.push(message) };
  const absent = openNotifier(undefined, { log });
  absent.notify("READY=1");
  await absent.close();
  const folder = Deno.makeTempDirSync();
  const gone = openNotifier(`${folder}/no-such-socket`, { log, bindTo: `${folder}/own` });
  gone.notify("READY=1");
  await gone.close();
  assertEquals(warnings, ["cannot notify the service manager"]);
  const again = openNotifier(`${folder}/no-such-socket`, { log, bindTo: `${folder}/own` });
  warnings.length = 0;
  for (let times = 0; times < 3; times++) again.notify("WATCHDOG=1");
  await again.close();
  Deno.removeSync(folder, { recursive: true });
  assertEquals(warnings, ["cannot notify the service manager"]);
});

test("openNotifier goes on where a program that was killed left its name behind, and warns where it cannot", async () => {
  const folder = Deno.makeTempDirSync();
  const manager = Deno.listenDatagram({ transport: "unixpacket", path: `${folder}/notify` });
  Deno.writeTextFileSync(`${folder}/own`, "");
  const notifier = openNotifier(`${folder}/notify`, { log: SILENT, bindTo: `${folder}/own` });
  notifier.notify("READY=1");
  await notifier.close();
  assertEquals(new TextDecoder().decode((await manager.receive())[0]), "READY=1");
  manager.close();

  const warnings: string[] = [];
  const log = { ...SILENT, warn: (message: string) => void warnings.push(message) };
  const none = openNotifier(`${folder}/notify`, { log, bindTo: `${folder}/no/such/folder` });
  none.notify("READY=1");
  await none.close();
  assertEquals(warnings, ["cannot open a socket to notify the service manager"]);
  Deno.removeSync(folder, { recursive: true });
});

/** A watchdog of 20 s on a virtual clock, and what it sent. */
function setUpWatchdog(isAlive: () => Promise<boolean>, usec: string | undefined = "20000000") {
  const clock = createVirtualClock();
  const sent: string[] = [];
  const notifier = { notify: (...said: string[]) => void sent.push(...said), close: () => Promise.resolve() };
  const warnings: string[] = [];
  const log = { ...SILENT, warn: (message: string) => void warnings.push(message) };
  const stop = startWatchdog(notifier, usec, { isAlive, log, clock });
  return { clock, sent, warnings, stop };
}

test("startWatchdog asks and pings at half the interval while the program is alive, until it is stopped", async () => {
  let asked = 0;
  const { clock, sent, stop } = setUpWatchdog(() => Promise.resolve(++asked > 0));
  await clock.run(9_999);
  assertEquals(sent, []);
  await clock.run(1);
  assertEquals(sent, ["WATCHDOG=1"]);
  await clock.run(20_000);
  assertEquals(sent.length, 3);
  stop();
  await clock.run(60_000);
  assertEquals([sent.length, asked], [3, 3]);
});

test("startWatchdog leaves pings out while the program is not alive, says so once, and asks again", async () => {
  const answers = [() => Promise.resolve(false), () => Promise.reject(new Error("no")), () => Promise.resolve(true)];
  let asked = 0;
  const { clock, sent, warnings, stop } = setUpWatchdog(() => answers[asked++]!());
  await clock.run(20_000);
  assertEquals([asked, sent], [2, []]);
  await clock.run(10_000);
  assertEquals([asked, sent], [3, ["WATCHDOG=1"]]);
  assertEquals(warnings, ["nobody can connect, leaving the watchdog to restart the program"]);
  stop();
});

test("startWatchdog neither pings nor warns for an answer that comes after it was stopped", async () => {
  for (const isAlive of [true, false]) {
    const answer = Promise.withResolvers<boolean>();
    const { clock, sent, warnings, stop } = setUpWatchdog(() => answer.promise);
    await clock.run(10_000);
    stop();
    answer.resolve(isAlive);
    await clock.run(1);
    assertEquals([...sent, ...warnings], []);
  }
});

test("startWatchdog does nothing where the service manager has none", async () => {
  for (const usec of ["", "0", "nonsense", "-5"]) {
    const { clock, sent } = setUpWatchdog(() => Promise.resolve(true), usec);
    await clock.run(60_000);
    assertEquals(sent, []);
  }
  const clock = createVirtualClock();
  const sent: string[] = [];
  const notifier = { notify: (...said: string[]) => void sent.push(...said), close: () => Promise.resolve() };
  startWatchdog(notifier, undefined, { isAlive: () => Promise.resolve(true), log: SILENT, clock })();
  await clock.run(60_000);
  assertEquals(sent, []);
});
