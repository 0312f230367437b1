/**
 * The signals a service is steered by, as nginx and systemd have them: TERM and INT stop, HUP reloads.
 *
 * @module
 */

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
