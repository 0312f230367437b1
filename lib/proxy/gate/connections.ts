/**
 * The connections of a gate: who is cut because it is overdue, who gives way to others, and whether anything is held for
 * somebody. Knows nothing of how they come and what they ask.
 *
 * @module
 */

import { UnorderedList } from "../../time/clock.ts";
import type { Clock, Slot, Timer } from "../../time/clock.ts";
import type { ClientConnection } from "./client_connection.ts";
import { ClientTimeoutError, StoppingError } from "./errors.ts";
import { whoGivesWay } from "./patience.ts";

/** Everybody who is connected. */
export interface Connections {
  readonly size: number;
  /** How many requests are being answered. */
  readonly inFlight: number;
  /** Whether nothing is kept for a client: no part of a head, no answer. */
  readonly holdNothing: boolean;
  /** Adds one, and looks from time to time whether it is overdue. */
  add(connection: ClientConnection): Slot<ClientConnection>;
  /** Cuts the one whose client has been owing something for longest; whether there was one. */
  makeRoom(among?: (connection: ClientConnection) => boolean): boolean;
  /** Cuts all of them because the program stops, or only those that wait for nothing, and so have nothing to lose. */
  stop(which: "waiting" | "all"): void;
  /** Resolves when nobody is connected any more, or the time is up. */
  untilNone(ms: number): Promise<void>;
}

/** How often it is looked whether connections are overdue. */
export const SWEEP_MS = 100;
const POLL_MS = 10;

/** Creates the connections of a gate that nobody has connected to. */
export function createConnections(clock: Clock): Connections {
  const list = new UnorderedList<ClientConnection>();
  let sweep: Timer | undefined;

  const members = () => list.slots().map(({ member }) => member!);
  const expire = () => {
    const now = clock.now();
    for (const { member } of list.slots()) member?.expire(now);
    sweep = list.size === 0 ? undefined : clock.schedule(SWEEP_MS, expire);
  };

  return {
    get size() {
      return list.size;
    },

    get inFlight() {
      return members().filter(({ state }) => state === "answering" || state === "sending").length;
    },

    get holdNothing() {
      return members().every(isAtRest);
    },

    add(connection) {
      sweep ??= clock.schedule(SWEEP_MS, expire);
      return list.add(connection);
    },

    makeRoom(among = () => true) {
      const longest = whoGivesWay(members().filter(among), clock.now());
      longest?.cut(new ClientTimeoutError("The client had left or was slow, and its place was needed for another"));
      return longest !== undefined;
    },

    stop(which) {
      if (which === "all") sweep?.cancel();
      for (const { member } of list.slots()) {
        if (member !== undefined && (which === "all" || isAtRest(member))) {
          member.cut(new StoppingError("The program stops"));
        }
      }
    },

    async untilNone(ms) {
      const deadline = clock.now() + ms;
      while (list.size > 0 && clock.now() < deadline) await clock.sleep(POLL_MS, new AbortController().signal);
    },
  };
}

function isAtRest({ state, isHalfHeaded }: ClientConnection): boolean {
  return state === "waiting" && !isHalfHeaded;
}
