/**
 * The router's password service under the program's own address: the router's second server, on port 8080, gives a guest
 * its new password once, and forgets it when the guest says that it has saved it.
 *
 * Each request has an effect there, so it is made once: not kept, not shared, not made again when it fails or the router
 * moves, and it says nothing of the router's metadata, whichever way it ends. It ends with its client: otherwise any number
 * could be under way for clients that have left. Nothing of it is logged but that it failed.
 *
 * | request | answer |
 * |---|---|
 * | GET, `DomU_Request: send_my_password` or `saved_password` | what the router said, with a length |
 * | the same while a config drive is in force | what is on the drive, once |
 * | GET with any other value | 400 |
 * | any other method | 405 |
 * | any of these without `--password-service` | 404: a script would set whatever else it gets as root's password |
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Client } from "../http1/client.ts";
import { UpstreamError } from "../http1/error.ts";
import { readWhole } from "../http1/read_whole.ts";
import type { Log } from "../telemetry/log.ts";
import type { Deadlines } from "../time/clock.ts";
import type { WatchClient } from "./cache/answers.ts";
import { ClientGoneError } from "./gate/errors.ts";
import { createReasonLog } from "../telemetry/reason_log.ts";
import { emptyResponse, kindOfFailure, statusOf } from "./server/own_response.ts";
import { isWithoutBody } from "./upstream/attempt.ts";
import { NoRouterError } from "./upstream/upstream.ts";
import type { Router, Upstream } from "./upstream/upstream.ts";

/** What a password on a config drive can be asked. */
export interface DrivePassword {
  take(): Promise<string>;
  forget(): Promise<void>;
}

/** Answers requests for the password. */
export interface PasswordService {
  /** @param options.asks the value of `DomU_Request` */
  answer(method: string, options: { readonly asks: string; readonly watchClient: WatchClient }): Promise<Response>;
}

/** What the service works with. */
export interface PasswordServiceOptions<R extends Router> {
  readonly isEnabled: boolean;
  readonly requestTimeoutMs: number;
  readonly upstream: Pick<Upstream<R>, "router">;
  readonly client: Pick<Client, "request">;
  /** The password of what is in force, if that is a drive. */
  readonly driveOf: (router: R) => DrivePassword | undefined;
  readonly deadlines: Deadlines;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

const FETCH = "send_my_password";
const ACKNOWLEDGE = "saved_password";

/** Where the router's password server listens. */
const PORT = 8080;

/** A password is a few characters; whoever sends more than this is no password server. */
const MAX_BODY_BYTES = 4_096;

/** Creates the service. */
export function createPasswordService<R extends Router>(
  { isEnabled, requestTimeoutMs, upstream, client, driveOf, deadlines, now, log }: PasswordServiceOptions<R>,
): PasswordService {
  const noteError = createReasonLog("the password service answered with an error", { log, now, level: "warn" });
  const noteFailure = createReasonLog("the password service did not answer", { log, now, level: "warn" });

  const findRouter = async (signal: AbortSignal): Promise<R> => {
    try {
      return await upstream.router(signal);
    } catch (cause) {
      throw new NoRouterError("No router was found", { cause });
    }
  };

  const askRouter = async (
    { address }: R,
    { asks, signal }: { readonly asks: string; readonly signal: AbortSignal },
  ): Promise<Response> => {
    const head = { method: "GET", target: "/", headers: [["DomU_Request", asks]] } as const;
    // A kept connection that turns out to be dead would have the request made twice.
    const options = { signal, fresh: true, port: PORT };
    const { status, headers, body } = await client.request(address, head, options);
    // A redirection's page is no password either.
    if (status >= 300) {
      body.cancel();
      noteError(`status ${status}`, { router: address });
      return emptyResponse(status);
    }
    const [, type = "text/plain"] = headers.find(([name]) => name === "content-type") ?? [];
    const whole = await readWhole(body, MAX_BODY_BYTES);
    if (whole !== undefined) return toResponse(whole, { status, type });
    throw new UpstreamError("too_large", `The answer of the password server is over ${MAX_BODY_BYTES} bytes`);
  };

  const askDrive = async (password: DrivePassword, asks: string): Promise<Response> => {
    if (asks === FETCH) return toResponse(await password.take());
    await password.forget();
    return toResponse(ACKNOWLEDGE);
  };

  /** Asks whatever is in force. @throws why its client is gone, or that the time of a request, the search included, is over */
  const ask = async (asks: string, watchClient: WatchClient): Promise<Response> => {
    let router: R | undefined;
    const late = () =>
      router === undefined
        ? new NoRouterError(`No router was found in ${requestTimeoutMs} ms`)
        : new UpstreamError("response_timeout", `No password server answered in ${requestTimeoutMs} ms`);
    const ending = new AbortController();
    const { signal } = ending;
    const deadline = deadlines.set(requestTimeoutMs, () => ending.abort(late()));
    const endWatch = watchClient((reason) => ending.abort(reason));
    try {
      router = await findRouter(signal);
      const drive = driveOf(router);
      return await (drive === undefined ? askRouter(router, { asks, signal }) : askDrive(drive, asks));
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      deadline.cancel();
      endWatch();
    }
  };

  return {
    async answer(method, { asks, watchClient }) {
      if (!isEnabled) return emptyResponse(STATUS_CODE.NotFound);
      if (method !== "GET") return emptyResponse(STATUS_CODE.MethodNotAllowed);
      if (asks !== FETCH && asks !== ACKNOWLEDGE) return emptyResponse(STATUS_CODE.BadRequest);
      try {
        return await ask(asks, watchClient);
      } catch (error) {
        const status = statusOf(error);
        if (!(error instanceof ClientGoneError)) noteFailure(kindOfFailure(error), { status, error });
        return emptyResponse(status);
      }
    },
  };
}

function toResponse(
  body: string | Uint8Array<ArrayBuffer>,
  { status = STATUS_CODE.OK, type = "text/plain" }: { readonly status?: number; readonly type?: string } = {},
): Response {
  // No length is set: the runtime knows that of a body in hand.
  return new Response(isWithoutBody(status) ? null : body, {
    status,
    headers: { "content-type": type, "cache-control": "no-store" },
  });
}
