/**
 * Passes a body on to the client, one piece at a time: what the client does not take is not read from the router.
 *
 * A body that the router cuts short, or that stands still, becomes a cut stream and never a clean end.
 *
 * @module
 */

import type { Deadlines, Timer } from "../../time/clock.ts";
import type { ResponseBody } from "../../http1/message.ts";
import { ClientGoneError, ClientTimeoutError } from "../gate/errors.ts";

/** What was passed on may still be on its way in the runtime, which loses all of it, head included, if an error follows at once. */
const FLUSH_MS = 100;

/** How a body is passed on. */
export interface StreamOptions {
  readonly deadlines: Deadlines;
  /** How long the client may take over one piece. */
  readonly idleTimeoutMs: number;
  /** How long the rest of the transfer may take. */
  readonly transferTimeoutMs: number;
  /** Called once: the last piece was handed over, or why it was not. */
  readonly onEnd: (error?: unknown) => void;
}

/** A body on its way to the client. */
export interface ClientStream {
  /** What the response carries. */
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Ends it before its time, in a way that the client notices. Harmless when it is over. */
  cut(reason: unknown): void;
}

/** Starts to pass a body on. */
export function createClientStream(
  body: ResponseBody,
  { deadlines, idleTimeoutMs, transferTimeoutMs, onEnd }: StreamOptions,
): ClientStream {
  let over = false;
  let stall: Timer | undefined;
  let controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  const free = createPieceRelease();
  const late = (message: string) => () => cut(new ClientTimeoutError(message));
  const limit = deadlines.set(transferTimeoutMs, late(`The transfer took longer than ${transferTimeoutMs} ms`));

  const end = (reason?: unknown) => {
    over = true;
    stall?.cancel();
    limit.cancel();
    if (reason !== undefined) body.cancel();
    onEnd(reason);
  };
  const cut = (reason: unknown) => {
    if (over) return;
    end(reason);
    controller.error(reason);
  };

  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(itsController) {
      controller = itsController;
    },
    async pull() {
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
        stall = deadlines.set(idleTimeoutMs, late(`The client took nothing for ${idleTimeoutMs} ms`));
      } catch (error) {
        // It was cut, and that has ended the reading too.
        if (over) return;
        await new Promise<void>((resolve) => stall = deadlines.set(FLUSH_MS, resolve));
        cut(error);
      }
    },
    cancel() {
      if (!over) end(new ClientGoneError("The client went away"));
    },
  });
  return { stream, cut };
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
