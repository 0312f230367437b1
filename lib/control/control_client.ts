/**
 * Asks the running service how it is, for the commands.
 *
 * @module
 */

import { SYSTEM_CLOCK } from "../time/clock.ts";
import type { Clock } from "../time/clock.ts";
import type { StatusDocument } from "./status.ts";

/** The service cannot be asked. */
export class ControlError extends Error {
  override readonly name = "ControlError";
  constructor(
    readonly kind: "no_service" | "not_allowed" | "no_answer" | "broken",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** How long the service may take to answer: it tries for up to two seconds whether anybody can connect to it. */
const ANSWER_MS = 3_000;

/**
 * Asks once, or with `watch` for as long as the service runs.
 *
 * @throws {ControlError} If no service runs, it does not answer, this user may not ask it, or what answers is something else.
 */
export async function* askService(
  path: string,
  question: "status" | "watch",
  signal: AbortSignal,
  { schedule }: Pick<Clock, "schedule"> = SYSTEM_CLOCK,
): AsyncGenerator<StatusDocument> {
  const connection = await connect(path);
  const close = () => {
    try {
      connection.close();
    } catch {
      // It was closed when the signal aborted.
    }
  };
  signal.addEventListener("abort", close);
  let isLate = false;
  const limit = schedule(ANSWER_MS, () => {
    isLate = true;
    close();
  });
  try {
    if (signal.aborted) return;
    await connection.write(new TextEncoder().encode(`${question}\n`));
    for await (const document of readDocuments(connection)) {
      limit.cancel();
      yield document;
    }
  } catch (cause) {
    if (signal.aborted) return;
    if (cause instanceof ControlError) throw cause;
    if (isLate) {
      throw new ControlError("no_answer", `The service at ${path} runs and does not answer: it hangs`, { cause });
    }
    throw new ControlError("no_service", "The service went away", { cause });
  } finally {
    limit.cancel();
    signal.removeEventListener("abort", close);
    close();
  }
}

/** Asks once. @throws {ControlError} As `askService` does, and if the service goes away without an answer. */
export async function askStatus(path: string): Promise<StatusDocument> {
  for await (const status of askService(path, "status", new AbortController().signal)) return status;
  throw new ControlError("no_service", "The service went away");
}

async function connect(path: string): Promise<Deno.UnixConn> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (cause) {
    if (cause instanceof Deno.errors.PermissionDenied) {
      throw new ControlError("not_allowed", `May not ask the service at ${path}: ask as root`, { cause });
    }
    throw new ControlError("no_service", `No service answers at ${path}: is mdproxy4cs running?`, { cause });
  }
}

async function* readDocuments(connection: Deno.UnixConn): AsyncGenerator<StatusDocument> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(16_384);
  let rest = "";
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return;
    const lines = (rest + decoder.decode(buffer.subarray(0, count), { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield parse(line);
  }
}

function parse(line: string): StatusDocument {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new ControlError("broken", "The answer is no status document: does another version of mdproxy4cs run?", {
      cause,
    });
  }
}
