/**
 * The signals a service is steered by, as nginx and systemd have them: TERM and INT stop, HUP reloads.
 *
 * @module
 */

/**
 * Their effect is to end a process, and nobody who sends one to this program means that; SIGHUP may come too early. SIGXFSZ the
 * kernel sends where a file would be larger than it may be: writing then fails as on a disk that is full.
 */
const STRAY_SIGNALS = [
  "SIGHUP",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGVTALRM",
  "SIGPROF",
  "SIGIO",
  "SIGPWR",
  "SIGXFSZ",
] as const;

/** Makes the program outlive signals that mean nothing to it, from now on. */
export function ignoreStraySignals(): void {
  for (const signal of STRAY_SIGNALS) Deno.addSignalListener(signal, ignore);
}

function ignore(): void {}

/** Being told to stop. */
export interface Stop {
  readonly signal: AbortSignal;
  /** Resolves to the name of the signal that stops the program. */
  readonly told: Promise<"SIGTERM" | "SIGINT">;
}

/**
 * Takes the signals that stop the program, from now on: the kernel keeps them from the first process of a container (PID 1)
 * that does not. When one has come they have their default effect again, so that a second one ends a stop that takes too long.
 */
export function takeStopSignals(): Stop {
  const stop = new AbortController();
  const told = new Promise<"SIGTERM" | "SIGINT">((resolve) => {
    const take = (signal: "SIGTERM" | "SIGINT") => () => {
      Deno.removeSignalListener("SIGTERM", onTerm);
      Deno.removeSignalListener("SIGINT", onInt);
      stop.abort();
      resolve(signal);
    };
    const onTerm = take("SIGTERM");
    const onInt = take("SIGINT");
    Deno.addSignalListener("SIGTERM", onTerm);
    Deno.addSignalListener("SIGINT", onInt);
  });
  return { signal: stop.signal, told };
}

/** Calls back on every SIGHUP, until the program is told to stop. */
export function onReload(reload: () => void, stop: AbortSignal): void {
  Deno.addSignalListener("SIGHUP", reload);
  stop.addEventListener("abort", () => Deno.removeSignalListener("SIGHUP", reload));
}
