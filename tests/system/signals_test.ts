import { assertEquals } from "@std/assert";
import { test } from "../support/test.ts";

const SIGNALS = new URL("../../lib/system/signals.ts", import.meta.url);

/** Runs the script, which knows what `signals.ts` exports, in a process of its own: a signal may end it. */
async function runScript(
  script: string,
  act: (child: Deno.ChildProcess, nextLine: () => Promise<string | undefined>) => Promise<void>,
): Promise<void> {
  const code = `import { ignoreStraySignals, onReload, takeStopSignals } from "${SIGNALS}";\n${script}`;
  const args = ["eval", "--quiet", code];
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped" }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const nextLine = async () => (await reader.read()).value?.trimEnd();
  await act(child, nextLine);
  await child.stdin.close().catch(() => {});
  assertEquals(await nextLine(), undefined);
  await child.status;
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`takeStopSignals aborts and tells of ${signal}, onReload of each SIGHUP before, and the next ends the process`, () =>
    runScript(
      `const alive = setTimeout(() => {}, 600_000);
       const stop = takeStopSignals();
       onReload(() => console.log("reload"), stop.signal);
       console.log("ready");
       console.log(await stop.told, stop.signal.aborted);`,
      async (child, nextLine) => {
        assertEquals(await nextLine(), "ready");
        for (let times = 0; times < 2; times++) {
          child.kill("SIGHUP");
          assertEquals(await nextLine(), "reload");
        }
        child.kill(signal);
        assertEquals(await nextLine(), `${signal} true`);
        // The runtime may take a moment to let go of a signal, and to hear that the process is gone.
        const again = setInterval(() => kill(child, signal), 10);
        assertEquals((await child.status.finally(() => clearInterval(again))).signal, signal);
      },
    ));
}

test("ignoreStraySignals makes a process outlive what nobody means by it", () =>
  runScript(
    `ignoreStraySignals();
     console.log("ready");
     for await (const _ of Deno.stdin.readable) console.log("alive");`,
    async (child, nextLine) => {
      assertEquals(await nextLine(), "ready");
      const to = child.stdin.getWriter();
      for (
        const signal of [
          "SIGHUP",
          "SIGUSR1",
          "SIGUSR2",
          "SIGALRM",
          "SIGVTALRM",
          "SIGPROF",
          "SIGIO",
          "SIGPWR",
          "SIGXFSZ",
        ] as const
      ) {
        child.kill(signal);
        await to.write(Uint8Array.of(0x0a));
        assertEquals(await nextLine(), "alive", signal);
      }
      to.releaseLock();
    },
  ));
