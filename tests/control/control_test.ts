import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { askService, ControlError } from "../../lib/control/control_client.ts";
import { serveControl } from "../../lib/control/control_server.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { createCountedSignal } from "../support/fakes/counted_signal.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import { controlTest, documentOf, forever } from "./control_case.ts";
import { pause } from "../support/pause.ts";

controlTest(
  "serveControl gives the document once to `status`, in a file that only user and group may use",
  async (at) => {
    const service = at.start(documentOf("ready"));
    assertEquals((await Deno.stat(at.socketPath)).mode! & 0o777, 0o660);
    const got = await Array.fromAsync(askService(at.socketPath, "status", forever()));
    assertEquals(got, [documentOf("ready")]);
    await service.close();
  },
);

controlTest("serveControl tells `watch` of every change, and of the end", async (at) => {
  const service = at.start(documentOf("searching"));
  const states: string[] = [];
  for await (const { state } of askService(at.socketPath, "watch", forever())) {
    states.push(state);
    if (states.length === 1) service.set(documentOf("ready"));
    if (states.length === 2) service.set(documentOf("suspect"));
    if (states.length === 3) await service.close();
  }
  assertEquals(states, ["searching", "ready", "suspect"]);
});

controlTest("serveControl takes the place of a socket that a killed service left", async (at) => {
  // A listener that is closed takes its socket along, one that is killed does not.
  await Deno.writeTextFile(at.socketPath, "");
  at.start(documentOf("ready"));
  assertEquals((await Array.fromAsync(askService(at.socketPath, "status", forever()))).length, 1);
  assertEquals(at.logged, []);
});

controlTest("serveControl does without where it cannot listen, says so once, and listens when it can", async (at) => {
  await Deno.mkdir(at.socketPath);
  await Deno.writeTextFile(`${at.socketPath}/x`, "");
  const service = at.start(documentOf("ready"));
  service.set(documentOf("ready"));
  await service.renew();
  assertEquals(service.isListening, false);
  await Deno.remove(at.socketPath, { recursive: true });
  await service.renew();
  assertEquals(service.isListening, true);
  assertEquals((await Array.fromAsync(askService(at.socketPath, "status", forever()))).length, 1);
  assertEquals(at.logged.map((line) => /\b(warn|debug|info) +([a-z ]+) path=/.exec(line)?.slice(1)), [
    ["warn", "cannot listen for commands"],
    ["debug", "cannot listen for commands"],
    ["info", "listening for commands again"],
  ]);
  await service.close();
});

controlTest(
  "serveControl listens anew where its folder was taken away, and tells those who watch already",
  async (at) => {
    const service = at.start(documentOf("searching"));
    const watching = askService(at.socketPath, "watch", forever());
    await watching.next();
    await service.renew();
    assertEquals(at.logged, []);
    await Deno.remove(at.socketPath.slice(0, at.socketPath.lastIndexOf("/")), { recursive: true });
    await Promise.all([service.renew(), service.renew()]);
    assertEquals((await Deno.stat(at.socketPath)).mode! & 0o777, 0o660);
    service.set(documentOf("ready"));
    assertEquals((await watching.next()).value, documentOf("ready"));
    assertEquals((await Array.fromAsync(askService(at.socketPath, "status", forever()))).length, 1);
    await watching.return(undefined);
    await service.close();
  },
);

controlTest("serveControl looks for whoever asks before it answers, and for nobody else", async (at) => {
  const service = at.start(documentOf("ready"), { look: () => service.set(documentOf("unserved")) });
  const connection = await Deno.connect({ transport: "unix", path: at.socketPath });
  await connection.write(new TextEncoder().encode("nonsense\n"));
  assertEquals(await connection.read(new Uint8Array(8)).catch(() => null), null);
  connection.close();
  for (const question of ["status", "watch"] as const) {
    service.set(documentOf("ready"));
    const asking = askService(at.socketPath, question, forever());
    assertEquals((await asking.next()).value, documentOf("unserved"));
    await asking.return(undefined);
  }
});

for (const question of ["nonsense\n", "status", "x".repeat(100), "status\0\n", "\nstatus\n"]) {
  controlTest(`serveControl answers nothing to ${JSON.stringify(question.slice(0, 12))}`, async (at) => {
    at.start(documentOf("ready"));
    const connection = await Deno.connect({ transport: "unix", path: at.socketPath });
    await connection.write(new TextEncoder().encode(question));
    await connection.closeWrite();
    // The kernel says so with a reset where it was not read to its end.
    assertEquals(await connection.read(new Uint8Array(8)).catch(() => null), null);
    connection.close();
  });
}

controlTest("serveControl lets go of a client that says nothing, and turns away the thirty-third", async (at) => {
  const clock = createVirtualClock();
  const log = createLog(() => {}, { level: "debug", format: "text" });
  const server = serveControl(at.socketPath, {
    describe: () => documentOf("ready"),
    look: () => Promise.resolve(),
    log,
    clock,
  });
  const connect = () => Deno.connect({ transport: "unix", path: at.socketPath });
  const silent = [];
  for (let i = 0; i < 32; i++) silent.push(await connect());
  const turnedAway = await connect();
  assertEquals(await turnedAway.read(new Uint8Array(1)), null);
  turnedAway.close();
  await clock.run(4_999);
  const ends = silent.map((connection) => connection.read(new Uint8Array(1)));
  await clock.run(1);
  assertEquals(await Promise.all(ends), Array(32).fill(null));
  silent.forEach((connection) => connection.close());
  assertEquals((await Array.fromAsync(askService(at.socketPath, "status", forever()))).length, 1);
  await server.close();
});

controlTest("serveControl forgets a watcher that went away: it is told of nothing any more", async (at) => {
  const service = at.start(documentOf("searching"));
  for (let i = 0; i < 40; i++) {
    for await (const _ of askService(at.socketPath, "watch", forever())) break;
  }
  // Each was let go of before the next could be heard: none of them has a place any more.
  for (let times = 0; times < 2; times++) {
    assertEquals((await Array.fromAsync(askService(at.socketPath, "status", forever()))).length, 1);
  }
  const described = service.described();
  service.set(documentOf("ready"));
  assertEquals((await Array.fromAsync(askService(at.socketPath, "status", forever()))).length, 1);
  assertEquals(service.described(), described + 1);
});

controlTest("serveControl tells `status`, and `watch` once, while as many watch as may", async (at) => {
  const service = at.start(documentOf("searching"));
  const watching = Array.from({ length: 16 }, () => askService(at.socketPath, "watch", forever()));
  for (const watcher of watching) assertEquals((await watcher.next()).value, documentOf("searching"));
  for (const question of ["status", "watch"] as const) {
    assertEquals(await Array.fromAsync(askService(at.socketPath, question, forever())), [documentOf("searching")]);
  }
  service.set(documentOf("ready"));
  for (const watcher of watching) assertEquals((await watcher.next()).value, documentOf("ready"));
  for (const watcher of watching) await watcher.return(undefined);
});

controlTest("serveControl says why it cannot accept, waits a second, and accepts again", async (at) => {
  const clock = createVirtualClock();
  const lines: string[] = [];
  const log = createLog((line) => void lines.push(line), { level: "debug", format: "text" });
  const listen = Deno.listen;
  let failures = 2;
  const failing = (options: Deno.UnixListenOptions & { transport: "unix" }) => {
    const listener = listen(options);
    const accept = listener.accept.bind(listener);
    return Object.assign(listener, {
      accept: () => failures-- > 0 ? Promise.reject(new Error("Too many open files")) : accept(),
    });
  };
  Object.assign(Deno, { listen: failing });
  const server = serveControl(at.socketPath, {
    describe: () => documentOf("ready"),
    look: () => Promise.resolve(),
    log,
    clock,
  });
  Object.assign(Deno, { listen });
  await clock.run(999);
  assertEquals([failures, lines.length], [1, 1]);
  assertMatch(lines[0]!, /cannot accept a command's connection error="Too many open files"/);
  await clock.run(1_001);
  assertEquals((await Array.fromAsync(askService(at.socketPath, "status", forever()))).length, 1);
  await server.close();
});

controlTest("askService ends when its signal aborts, and asks nobody when it has", async (at) => {
  at.start(documentOf("searching"));
  const over = new AbortController();
  let count = 0;
  for await (const _ of askService(at.socketPath, "watch", over.signal)) if (++count === 1) over.abort();
  assertEquals(count, 1);
  assertEquals(await Array.fromAsync(askService(at.socketPath, "watch", AbortSignal.abort())), []);
  const counted = createCountedSignal();
  const { signal } = counted;
  await Array.fromAsync(askService(at.socketPath, "status", signal));
  assertEquals(counted.listeners, 0);
});

controlTest("askService gives up on a service that hangs before it has answered, and on none that has", async (at) => {
  const clock = createVirtualClock();
  const hanging = Deno.listen({ transport: "unix", path: at.socketPath });
  for (const question of ["status", "watch"] as const) {
    const asking = assertRejects(() => askService(at.socketPath, question, forever(), clock).next(), ControlError);
    using connection = await hanging.accept();
    await connection.read(new Uint8Array(16));
    await clock.run(3_000);
    const { kind, message } = await asking;
    assertEquals([kind, message], ["no_answer", `The service at ${at.socketPath} runs and does not answer: it hangs`]);
  }
  hanging.close();
  const service = at.start(documentOf("searching"));
  const watching = askService(at.socketPath, "watch", forever(), clock);
  await watching.next();
  await clock.run(60_000);
  service.set(documentOf("ready"));
  assertEquals((await watching.next()).value, documentOf("ready"));
  await watching.return(undefined);
});

controlTest("askService reads a document whatever pieces it comes in, within a character too", async (at) => {
  const lastFailedSearch = { at: "2026-11-25T04:00:00.000Z", message: "kein Router für „vm“ – 沈黙" };
  const said = { ...documentOf("searching"), lastFailedSearch };
  const service = Deno.listen({ transport: "unix", path: at.socketPath });
  const talking = service.accept().then(async (connection) => {
    await connection.read(new Uint8Array(16));
    const bytes = new TextEncoder().encode(`${JSON.stringify(said)}\n`);
    for (let at = 0; at < bytes.length; at += 5) {
      await connection.write(bytes.subarray(at, at + 5));
      await pause();
    }
    connection.close();
  });
  assertEquals(await Array.fromAsync(askService(at.socketPath, "status", forever())), [said]);
  await talking;
  service.close();
});

controlTest("askService names a service that does not run, and one that is another program", async (at) => {
  const ask = () => Array.fromAsync(askService(at.socketPath, "status", forever()));
  const none = await assertRejects(ask, ControlError);
  assertEquals([none.kind, none.message], [
    "no_service",
    `No service answers at ${at.socketPath}: is mdproxy4cs running?`,
  ]);
  const stranger = Deno.listen({ transport: "unix", path: at.socketPath });
  const talking = stranger.accept().then(async (connection) => {
    await connection.write(new TextEncoder().encode("hello\n"));
    connection.close();
  });
  assertEquals((await assertRejects(ask, ControlError)).kind, "broken");
  await talking;
  stranger.close();
});
