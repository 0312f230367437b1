import { assertEquals } from "@std/assert";
import { openNotifier } from "../../lib/system/notify.ts";
import { SILENT } from "../../lib/telemetry/log.ts";
import { test } from "../support/test.ts";

test("openNotifier sends each notification as one datagram, in order", async () => {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/notify`;
  const manager = Deno.listenDatagram({ transport: "unixpacket", path });
  const notifier = openNotifier(path, { log: SILENT, bindTo: `${folder}/own` });
  notifier.notify("READY=1", "STATUS=ready");
  notifier.notify("WATCHDOG=1");
  await notifier.close();
  const heard: string[] = [];
  for (let i = 0; i < 2; i++) heard.push(new TextDecoder().decode((await manager.receive())[0]));
  assertEquals(heard, ["READY=1\nSTATUS=ready", "WATCHDOG=1"]);
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
  gone.notify("WATCHDOG=1");
  await gone.close();
  Deno.removeSync(folder, { recursive: true });
  assertEquals(warnings, ["cannot notify the service manager"]);
});
