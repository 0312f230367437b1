/**
 * Stand-ins for the parts between the proxy and the network: whoever finds the router, and the client that asks it.
 *
 * @module
 */

import type { Client, RequestOptions } from "../../../lib/http1/client.ts";
import { UpstreamError } from "../../../lib/http1/error.ts";
import type { UpstreamErrorKind } from "../../../lib/http1/error.ts";
import type { Header, RequestHead, ResponseBody, UpstreamResponse } from "../../../lib/http1/message.ts";
import type { Router, Upstream } from "../../../lib/proxy/upstream/upstream.ts";
import { fromLatin1, latin1 } from "../latin1.ts";

/** A finder of routers that finds what the test says. */
export interface FakeUpstream extends Upstream {
  /** What was reported, as `address kind`, with `?` behind it while the request still waits. */
  readonly reports: readonly string[];
  /** How many wait for a router. */
  readonly waiting: number;
  /** What was observed, as `address status`. */
  readonly observed: readonly string[];
  /** What a search that is given up says of the router that was in force. */
  doubt(address: string, error: unknown): void;
  /** Who is about to prove itself. */
  offer(address: string): void;
  /** Resolves when something has been reported. */
  untilReported(): Promise<void>;
  /** Ends the search: whoever waits gets this router, and so does whoever asks from now on. */
  find(address: string): void;
  /** Ends the search without a router. */
  fail(error: Error): void;
  /** Forgets the router: whoever asks waits. */
  lose(): void;
}

/**
 * Creates a finder that knows a router.
 *
 * @param options.onReport what a report leads to: `"same"` finds the same router again, `"search"` forgets it
 */
export function createFakeUpstream(
  address: string | undefined,
  { onReport }: { readonly onReport: "same" | "search" },
): FakeUpstream {
  let router: Router | undefined = address === undefined ? undefined : { address };
  let search = Promise.withResolvers<Router>();
  search.promise.catch(() => {});
  const reports: string[] = [];
  const observed: string[] = [];
  let prospect: Router | undefined;
  let suspect: { readonly address: string; readonly error: unknown } | undefined;
  let waiting = 0;
  const reported = Promise.withResolvers<void>();

  return {
    reports,
    untilReported: () => reported.promise,
    router(signal) {
      if (router !== undefined) return router;
      waiting++;
      return new Promise<Router>((resolve, reject) => {
        signal.addEventListener("abort", () => reject(Object.assign(new Error("No router found"), { suspect })));
        search.promise.then(resolve, reject);
      }).finally(() => waiting--);
    },
    get waiting() {
      return waiting;
    },
    observed,
    observe: ({ address }, { status }) => void observed.push(`${address} ${status}`),
    doubt: (address, error) => suspect = { address, error },
    prospect: () => prospect,
    offer: (address) => prospect = { address },

    report(failed, error, { isPending = false } = {}) {
      reports.push(`${failed.address} ${error instanceof UpstreamError ? error.kind : error}${isPending ? "?" : ""}`);
      reported.resolve();
      if (failed !== router) return;
      if (onReport === "same") router = { address: failed.address };
      else this.lose();
    },
    find(address) {
      router = { address };
      search.resolve(router);
    },
    fail(error) {
      search.reject(error);
    },
    lose() {
      router = undefined;
      search = Promise.withResolvers<Router>();
      search.promise.catch(() => {});
    },
  };
}

/** A request that the fake client was given, waiting to be answered. */
export interface FakeRequest {
  readonly address: string;
  readonly head: RequestHead;
  readonly fresh: boolean;
  readonly port: number | undefined;
  readonly aborted: boolean;
  /** Says that it is on its way. */
  sent(connection?: { readonly reused: boolean }): void;
  answer(status: number, body?: ResponseBody, headers?: readonly Header[]): void;
  fail(kind: UpstreamErrorKind): void;
}

/** A client that leaves its requests to the test. */
export interface FakeClient extends Client {
  readonly asked: readonly FakeRequest[];
}

/** Creates a client that has asked nothing yet. */
export function createFakeClient(): FakeClient {
  const asked: FakeRequest[] = [];
  return {
    asked,
    request(address: string, head: RequestHead, { signal, fresh = false, port, onSent }: RequestOptions) {
      const { promise, resolve, reject } = Promise.withResolvers<UpstreamResponse>();
      signal.addEventListener("abort", () => reject(signal.reason));
      asked.push({
        address,
        head,
        fresh,
        port,
        get aborted() {
          return signal.aborted;
        },
        sent: (connection = { reused: false }) => onSent?.(connection),
        answer(status, body = bodyOf(""), headers = []) {
          signal.addEventListener("abort", () => body.cancel());
          resolve({ status, headers, body });
        },
        fail: (kind) => reject(new UpstreamError(kind, `The test says ${kind}`)),
      });
      return promise;
    },
    close() {},
  };
}

/** What was done to a body. */
export interface WatchedBody extends ResponseBody {
  readonly cancelled: boolean;
}

/** A body that is there already. */
export function bodyOf(text: string): WatchedBody {
  let left: Uint8Array<ArrayBuffer> | undefined = fromLatin1(text);
  let cancelled = false;
  const take = () => {
    const taken = left;
    left = undefined;
    return taken;
  };
  return {
    get length() {
      return left?.length ?? 0;
    },
    takeWhole: take,
    read: () => Promise.resolve(left?.length === 0 ? undefined : take()),
    cancel() {
      cancelled = true;
    },
    get cancelled() {
      return cancelled;
    },
  };
}

/** A body whose pieces come when the test gives them. */
export interface FedBody extends WatchedBody {
  /** Gives a piece; `undefined` ends the body. */
  feed(piece: string | undefined): void;
  fail(kind: UpstreamErrorKind): void;
}

/** Creates a body that waits for its pieces. */
export function createFedBody(length?: number): FedBody {
  const pieces: Promise<Uint8Array<ArrayBuffer> | undefined>[] = [];
  const waiting: ((piece: Promise<Uint8Array<ArrayBuffer> | undefined>) => void)[] = [];
  let cancelled = false;
  const give = (piece: Promise<Uint8Array<ArrayBuffer> | undefined>) => {
    piece.catch(() => {});
    const wake = waiting.shift();
    if (wake === undefined) pieces.push(piece);
    else wake(piece);
  };
  return {
    length,
    takeWhole: () => undefined,
    read: () => pieces.shift() ?? new Promise((resolve) => waiting.push(resolve)),
    // As of a connection: it is closed, and whoever reads from it hears of that.
    cancel() {
      cancelled = true;
      if (waiting.length > 0) this.fail("reset");
    },
    get cancelled() {
      return cancelled;
    },
    feed: (piece) => give(Promise.resolve(piece === undefined ? undefined : fromLatin1(piece))),
    fail: (kind) => give(Promise.reject(new UpstreamError(kind, `The test says ${kind}`))),
  };
}

/** Reads a body to its end. */
export async function readAll(body: ResponseBody): Promise<string> {
  let text = "";
  for (let piece; (piece = await body.read()) !== undefined;) text += latin1(piece);
  return text;
}
