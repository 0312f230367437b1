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

/**
 * Waits until the program is told to stop. From then on the signals have their default effect again, so that a second
 * one ends a stop that takes too long.
 *
 * @param reload called on every SIGHUP
 * @returns the name of the signal that stops it
 */
export function untilStopped(reload: () => void): Promise<"SIGTERM" | "SIGINT"> {
  return new Promise((resolve) => {
    const stop = (signal: "SIGTERM" | "SIGINT") => () => {
      Deno.removeSignalListener("SIGTERM", onTerm);
      Deno.removeSignalListener("SIGINT", onInt);
      Deno.removeSignalListener("SIGHUP", reload);
      resolve(signal);
    };
    const onTerm = stop("SIGTERM");
    const onInt = stop("SIGINT");
    Deno.addSignalListener("SIGTERM", onTerm);
    Deno.addSignalListener("SIGINT", onInt);
    Deno.addSignalListener("SIGHUP", reload);
  });
}
