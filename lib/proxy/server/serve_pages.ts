/**
 * Puts pages about the program behind a gate of their own. They are worth less than the metadata: a port that is taken is
 * waited for, for as long as it takes, and keeps nobody from anything else.
 *
 * @module
 */

import { formatAddress } from "../../config/value.ts";
import type { ListenAddress } from "../../config/value.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Clock } from "../../time/clock.ts";
import { openGate } from "../gate/gate.ts";
import type { Gate } from "../gate/gate.ts";
import type { InnerHandler } from "../gate/inner.ts";
import { listen } from "../gate/listen.ts";
import { createPeerCheck } from "../gate/peers.ts";
import { REFUSALS } from "../gate/refusal.ts";
import { createDateText } from "../gate/response.ts";
import { createReasonLog } from "../../telemetry/reason_log.ts";
import { createDirectServer } from "./direct_server.ts";
import { createErrorResponder, headersOf } from "./own_response.ts";

/** What the pages need. */
export interface PagesOptions {
  readonly answer: InnerHandler;
  /** Reads the addresses of this machine. */
  readonly ownAddresses: () => readonly string[];
  readonly log: Log;
  readonly clock: Clock;
}

/** Pages that are served, or soon will be. */
export interface Pages {
  /** Resolves when they are; `undefined` if they were ended before. */
  readonly listening: Promise<Gate | undefined>;
  shutdown(): Promise<void>;
}

/** Few people watch one VM. */
const LIMITS = Object.freeze({
  maxConnections: 16,
  maxRequests: 16,
  maxUrlBytes: 1_024,
  maxHeaderBytes: 8_192,
  idleTimeoutMs: 30_000,
  transferTimeoutMs: 30_000,
});

/** An address that no interface has may be added later. */
const RETRY_MS = 1_000;

/** Starts to serve pages. */
export function servePages(address: ListenAddress, { answer, ownAddresses, log, clock }: PagesOptions): Pages {
  const stop = new AbortController();
  const noteRefusal = createReasonLog("refused a request", { log, now: clock.now });

  const listenAtLast = async (): Promise<Deno.TcpListener | undefined> => {
    for (let say = log.warn; !stop.signal.aborted; say = log.debug) {
      try {
        return await listen(address, { log, clock, signal: stop.signal, patienceMs: Infinity });
      } catch (error) {
        if (stop.signal.aborted) break;
        say("cannot serve the admin pages, trying again", { error });
        await clock.sleep(RETRY_MS, stop.signal);
      }
    }
    return undefined;
  };
  const open = (listener: Deno.TcpListener): Gate => {
    const gate = openGate(listener, {
      limits: LIMITS,
      handler: {
        keyOf: () => undefined,
        ready: () => undefined,
        onCut: (_, error) => log.debug("an admin page was cut", { error }),
        refuse(kind, { peer }) {
          const { status, reason } = REFUSALS[kind];
          noteRefusal(reason, { status, client: peer, page: "admin" });
          return { status, headers: headersOf(status) };
        },
      },
      inner: createDirectServer(answer, { onError: createErrorResponder(log), dateText: createDateText(clock.date) }),
      isAllowed: createPeerCheck({ allowed: [], ownAddresses }),
      log,
      clock,
    });
    log.info("serving the admin pages", { admin: formatAddress(gate.address) });
    return gate;
  };
  const listening = listenAtLast().then((listener) => listener && open(listener));

  return {
    listening,
    async shutdown() {
      stop.abort();
      const gate = await listening;
      await gate?.shutdown(0);
    },
  };
}
