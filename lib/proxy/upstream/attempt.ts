/**
 * One request to one router, and what of its response the client is to get. It owns what it starts: when it is over, however it
 * ended, nothing of it is left but the body of its response.
 *
 * @module
 */

import type { Client } from "../../http1/client.ts";
import { UpstreamError } from "../../http1/error.ts";
import { endsWithHead } from "../../http1/message.ts";
import type { Header, RequestHead, UpstreamResponse } from "../../http1/message.ts";
import type { Deadlines, Timer } from "../../time/clock.ts";
import type { Observed, Router } from "./upstream.ts";
import { STATUS_CODE } from "@std/http/status";
import { forClient } from "../request/header_policy.ts";
import { bufferBody, MAX_BUFFERED_BYTES } from "./buffer_body.ts";
import type { BufferedBody } from "./buffer_body.ts";

/** What an attempt works with, and whom it tells. */
export interface AttemptOptions<R extends Router> {
  readonly client: Client;
  readonly deadlines: Deadlines;
  /** The time, by a monotonic clock. */
  readonly askedAt: number;
  /** Use a new connection, not a kept one. */
  readonly fresh: boolean;
  /** How long the router may take to begin its answer before it counts as silent. */
  readonly hedgeAfterMs: number;
  /** The head of a response came. */
  readonly onHead: (attempt: Attempt<R>, observed: Observed) => void;
  /** The router has not accepted the connection, or has not answered, for so long that another should be looked for. */
  readonly onSilent: (attempt: Attempt<R>) => void;
}

/** A router on the same network accepts within a millisecond; the first retransmission of a SYN comes after 1 s. */
const CONNECT_SILENCE_MS = 300;

/** A request to a router, from its start on. */
export class Attempt<R extends Router> {
  /**
   * @throws {UpstreamError} If the router does not answer as it should.
   * @throws whatever it was aborted with
   */
  readonly response: Promise<RouterResponse>;
  /** The router as it was found; one that was asked before it had proven itself becomes the one that did. */
  router: R;
  readonly #options: AttemptOptions<R>;
  readonly #controller = new AbortController();
  #connection: { readonly reused: boolean } | undefined;
  #hedgeTimer: Timer | undefined;
  #isSilent = false;

  constructor(router: R, head: RequestHead, options: AttemptOptions<R>) {
    this.router = router;
    this.#options = options;
    this.response = this.#run(head);
  }

  /** Whether it went out on a connection that had served an earlier request. */
  get wasKept(): boolean {
    return this.#connection?.reused ?? false;
  }

  /** Whether it has a connection, and is on its way. */
  get isSent(): boolean {
    return this.#connection !== undefined;
  }

  /** Whether the router has kept it waiting for longer than it should. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** What the router does while it does not answer. */
  get silence(): UpstreamError {
    return this.#connection === undefined
      ? new UpstreamError("connect_timeout", "The router does not accept the connection")
      : new UpstreamError("response_timeout", "The router does not begin its answer");
  }

  /** Ends it, and gives up what has come of the response. */
  abort(reason?: unknown): void {
    this.#controller.abort(reason);
  }

  async #run(head: RequestHead): Promise<RouterResponse> {
    const { client, deadlines, askedAt, fresh, onHead, hedgeAfterMs } = this.#options;
    const { address } = this.router;
    try {
      const asked = client.request(address, head, {
        signal: this.#controller.signal,
        fresh,
        onSent: (connection) => {
          this.#connection = connection;
          this.#expectWithin(hedgeAfterMs);
        },
      });
      // Where a connection was kept, the request is on its way already.
      if (this.#connection === undefined) this.#expectWithin(CONNECT_SILENCE_MS);
      const response = await asked;
      this.#hedgeTimer?.cancel();
      // It may have come in the very moment.
      this.#controller.signal.throwIfAborted();
      onHead(this, { target: head.target, status: response.status, headers: response.headers });
      return await takeResponse(response, { address, askedAt, method: head.method, deadlines });
    } finally {
      this.#hedgeTimer?.cancel();
    }
  }

  /** Calls the router silent once, when it keeps the attempt waiting for so long. */
  #expectWithin(ms: number): void {
    this.#hedgeTimer?.cancel();
    if (this.#isSilent) return;
    this.#hedgeTimer = this.#options.deadlines.set(ms, () => {
      this.#isSilent = true;
      this.#options.onSilent(this);
    });
  }
}

/** A router's response: without what concerns this hop only, and without the body of an error. */
export interface RouterResponse {
  readonly status: number;
  /** Those that pass on to the client. */
  readonly headers: readonly Header[];
  /** Whole, if it was small and came at once; `undefined` if there is none, or it was dropped with an error status. */
  readonly body: BufferedBody | undefined;
  /** The router that gave it. */
  readonly address: string;
  /** When it was asked for, by a monotonic clock. */
  readonly askedAt: number;
}

/** Whether nobody gets a body with this status: also of a 205, which is framed as any other (RFC 9110 section 15.3.6). */
export function isWithoutBody(status: number): boolean {
  return endsWithHead(status) || status === STATUS_CODE.ResetContent;
}

/**
 * Takes in a response.
 *
 * @throws {UpstreamError} If the body is cut short or malformed while it is taken in.
 */
function takeResponse(
  { status, headers, body }: UpstreamResponse,
  { address, askedAt, method, deadlines }: {
    readonly address: string;
    readonly askedAt: number;
    readonly method: RequestHead["method"];
    readonly deadlines: Deadlines;
  },
): RouterResponse | Promise<RouterResponse> {
  const bodyDropped = status >= 400;
  const withBody = (body: BufferedBody | undefined): RouterResponse => ({
    status,
    headers: forClient(headers, { bodyDropped }),
    body,
    address,
    askedAt,
  });
  if (bodyDropped || method === "HEAD" || isWithoutBody(status)) {
    body.cancel();
    return withBody(undefined);
  }
  if ((body.length ?? 0) > MAX_BUFFERED_BYTES) return withBody(body);
  const whole = body.takeWhole();
  return whole === undefined ? bufferBody(body, deadlines).then(withBody) : withBody(whole);
}
