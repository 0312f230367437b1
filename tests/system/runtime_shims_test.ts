import { assertEquals } from "@std/assert";
import { test } from "../support/test.ts";

import { signalItself, unixSocketRights } from "../../lib/system/runtime_shims.ts";

test("the shims are for versions of Deno before 2.9", () => {
  const table = {
    "1.46.3": true,
    "2.4.2": true,
    "2.8.3": true,
    "2.9.0": false,
    "2.9.6": false,
    "2.10.1": false,
    "3.0.0": false,
  };
  for (const [version, isOld] of Object.entries(table)) {
    assertEquals([version, unixSocketRights(version, ["/a", "/b"])], [version, isOld ? [] : ["unix:/a", "unix:/b"]]);
  }
});

test("signalItself sends a signal to this process", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGUSR2", resolve);
  // A listener alone keeps nothing alive.
  const alive = setInterval(() => {}, 1_000);
  try {
    signalItself("SIGUSR2");
    await promise;
  } finally {
    clearInterval(alive);
    Deno.removeSignalListener("SIGUSR2", resolve);
  }
});
