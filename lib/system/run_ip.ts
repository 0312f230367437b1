/**
 * Runs `ip` from iproute2, the only program that this one may run, and says why it failed.
 *
 * @module
 */

import { SYSTEM_CLOCK } from "../time/clock.ts";
import { TimeoutError, withTimeout } from "../time/with_timeout.ts";
import { IP_COMMANDS } from "./permissions.ts";

/** Why a command did not do its work: it is not there to be run, may not do it, or refused to. */
export type CommandErrorKind = "missing" | "not_permitted" | "failed";

/** A command that did not do its work. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly kind: CommandErrorKind;
  readonly stderr: string;

  constructor(
    message: string,
    options: ErrorOptions & { readonly kind: CommandErrorKind; readonly stderr?: string },
  ) {
    super(message, options);
    this.kind = options.kind;
    this.stderr = options.stderr ?? "";
  }
}

/** Runs `ip` with the arguments and gives what it printed. */
export type RunIp = (
  args: readonly string[],
  options?: { readonly signal?: AbortSignal; readonly places?: readonly string[] },
) => Promise<string>;

/** Runs `ip` until the signal aborts, and calls back whenever it has printed something: also that it has missed something. */
export type MonitorIp = (
  args: readonly string[],
  options: { readonly signal: AbortSignal; readonly onChange: () => void; readonly places?: readonly string[] },
) => Promise<void>;

/** It asks the kernel, which takes milliseconds: one that takes so long hangs. */
const LIMIT_MS = 10_000;

/**
 * Runs `ip` from the first of its usual places that has one, with an empty environment.
 *
 * @param options.places other places than the usual ones
 * @throws {CommandError} If there is no `ip` that may be run, or it hangs, or exits with a failure.
 */
export const runIp: RunIp = async (args, { signal, places = IP_COMMANDS } = {}) => {
  const failed = `Cannot run "${["ip", ...args].join(" ")}"`;
  const output = await withTimeout(
    LIMIT_MS,
    { clock: SYSTEM_CLOCK, signal: new AbortController().signal },
    (late) => {
      const ending = signal === undefined ? late : AbortSignal.any([signal, late]);
      return atFirstPlace(places, (path) => command(path, { args, signal: ending }).output());
    },
  ).catch((cause) => {
    if (!(cause instanceof TimeoutError)) throw cause;
    const stderr = `nothing within ${LIMIT_MS} ms`;
    throw new CommandError(`${failed}: it says ${stderr}`, { cause, kind: "failed", stderr });
  });
  if (output.success) return new TextDecoder().decode(output.stdout);
  // busybox's adds how it is used.
  const [stderr = ""] = new TextDecoder().decode(output.stderr).trim().split("\n");
  const kind = /not permitted|permission denied/i.test(stderr) ? "not_permitted" : "failed";
  throw new CommandError(`${failed}: ${stderr || `exit code ${output.code}`}`, { kind, stderr });
};

/**
 * Runs `ip`, as in `ip monitor`, for as long as it is wanted. It ends with the signal, or by itself.
 *
 * @throws {CommandError} If there is no `ip` that may be run.
 */
export const monitorIp: MonitorIp = async (args, { signal, onChange, places = IP_COMMANDS }) => {
  const child = await atFirstPlace(places, (path) => command(path, { args, signal }).spawn());
  const listen = async (printed: ReadableStream<Uint8Array>) => {
    for await (const _ of printed) onChange();
  };
  await Promise.all([listen(child.stdout), listen(child.stderr), child.status]);
};

function command(
  path: string,
  { args, signal }: { readonly args: readonly string[]; readonly signal: AbortSignal },
): Deno.Command {
  return new Deno.Command(path, {
    args: [...args],
    // The folder that the program was started in may be one that its user may not enter.
    cwd: "/",
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal,
  });
}

async function atFirstPlace<T>(places: readonly string[], run: (path: string) => T | Promise<T>): Promise<T> {
  let refused: string | undefined;
  for (const path of places) {
    try {
      return await run(path);
    } catch (error) {
      if (error instanceof Deno.errors.PermissionDenied) refused ??= path;
      else if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  const why = refused === undefined
    ? `it is at none of ${places.join(", ")}; install iproute2`
    : `${refused} may not be executed`;
  throw new CommandError(`Cannot run "ip": ${why}`, { kind: "missing" });
}
