/**
 * Passes a body on to the client, one piece at a time: what the client does not take is not read from the router.
 *
 * A body that the router cuts short, or that stands still, becomes a cut stream and never a clean end.
 *
 * @module
 */

import type { Alarm, Alarms } from "../http1/alarm.ts";
import type { ResponseBody } from "../http1/message.ts";
import { ClientGoneError } from "./upstream.ts";

/** The client takes nothing any more, or takes too long over it. */
export class ClientTimeoutError extends Error {
  override readonly name = "ClientTimeoutError";
  readonly kind = "client_timeout";
}

/** How a body is passed on. */
export interface StreamOptions {
  readonly alarms: Alarms;
  /** How long the client may take over one piece. */
  readonly idleTimeoutMs: number;
  /** How long the rest of the transfer may take. */
  readonly transferTimeoutMs: number;
  /** Called once: the last piece was handed over, or why it was not. */
  readonly onEnd: (error?: unknown) => void;
}

/** Creates the stream that a response carries. */
export function createClientStream(
  body: ResponseBody,
  { alarms, idleTimeoutMs, transferTimeoutMs, onEnd }: StreamOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let over = false;
  let stall: Alarm | undefined;
  const free = createPieceRelease();
  const end = (error?: unknown) => {
    if (over) return false;
    over = true;
    stall?.cancel();
    limit.cancel();
    if (error !== undefined) body.cancel();
    onEnd(error);
    return true;
  };
  let fail = (error: unknown) => void end(error);
  const limit = alarms.set(
    transferTimeoutMs,
    () => fail(new ClientTimeoutError(`The transfer took longer than ${transferTimeoutMs} ms`)),
  );

  return new ReadableStream({
    start(controller) {
      fail = (error) => {
        if (end(error)) controller.error(error);
      };
    },
    async pull(controller) {
      stall?.cancel();
      try {
        const piece = await body.read();
        if (over) return;
        if (piece === undefined) {
          end();
          controller.close();
          return;
        }
        free(piece);
        controller.enqueue(piece);
        stall = alarms.set(
          idleTimeoutMs,
          () => fail(new ClientTimeoutError(`The client took nothing for ${idleTimeoutMs} ms`)),
        );
      } catch (error) {
        fail(error);
      }
    },
    cancel() {
      end(new ClientGoneError("The client went away"));
    },
  });
}

/**
 * Creates what frees the pieces of a body one by one. JavaScript would hold on to them until garbage is collected, and
 * in Deno 2.4 until the body is over: eight bodies of 50 MB would take 400 MB.
 *
 * @returns takes the piece that is passed on now, and frees the one before the last
 */
function createPieceRelease(): (piece: Uint8Array<ArrayBuffer>) => void {
  let last: ArrayBuffer | undefined;
  let beforeLast: ArrayBuffer | undefined;
  return ({ buffer }) => {
    // The server asks for a piece when it has taken the one before, and holds what it took by itself until it is sent.
    beforeLast?.transfer(0);
    beforeLast = last;
    last = buffer;
  };
}
