import { assertEquals } from "@std/assert";
import { ignoreStraySignals, untilStopped } from "../../lib/system/signals.ts";
import { test } from "../support/test.ts";

/** Sends a signal to this very process. */
const send = (signal: Deno.Signal) => Deno.kill(Deno.pid, signal);

// SIGINT would end the tests themselves: tests/e2e/lifecycle_test.ts sends it to the program.
test("untilStopped resolves to SIGTERM, and reloads on each SIGHUP before", async () => {
  // Waiting for a signal alone keeps no process from ending.
  const alive = setTimeout(() => {}, 60_000);
  const reloaded = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let reloads = 0;
  const stopped = untilStopped(() => reloaded[reloads++]!.resolve());
  for (const { promise } of reloaded) {
    send("SIGHUP");
    await promise;
  }
  send("SIGTERM");
  assertEquals([await stopped, reloads], ["SIGTERM", 2]);
  clearTimeout(alive);
});

// Its listeners stay for as long as the process does.
Deno.test({
  name: "ignoreStraySignals makes a process outlive what nobody means by it",
  sanitizeOps: false,
  sanitizeResources: false,
  fn() {
    ignoreStraySignals();
    for (
      const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR"] as const
    ) {
      send(signal);
    }
  },
});
