/**
 * How long a client is waited for, and who gives way to others (RFC 9112 section 9). Pure.
 *
 * | state | what it waits for | is cut after |
 * |---|---|---|
 * | `waiting` | a head, or the rest of one | the idle timeout, from its last use or from the first byte of the head |
 * | `answering` | the server behind the gate | the transfer timeout, from the request |
 * | `sending` | the client, that it takes what is written | the idle timeout, from the last piece that it took |
 * | `closing` | the client's end of the connection, so that it can read the last answer | a second |
 *
 * @module
 */

import { ClientTimeoutError } from "./errors.ts";
import { NOTICED_AFTER_MS } from "./inner.ts";

/** What a connection is doing. */
export type ConnectionState = "waiting" | "answering" | "sending" | "closing";

/** A connection, as far as it is waited for. */
export interface Owing {
  readonly state: ConnectionState;
  /** Since when it is in that state, or when the client last took something. */
  readonly since: number;
  /** When the request under way came. */
  readonly startedAt: number;
  /** For how long it has had answers wait to be taken, but for the piece that waits now. */
  readonly letWaitMs: number;
  /** Whether no whole request has come yet. */
  readonly isNew: boolean;
  /** Whether it is being answered behind the gate. */
  readonly isInside: boolean;
  /** Whether it is answered to a client that may have gone. */
  readonly mayBeGone: boolean;
}

/** How long clients are waited for. */
export interface PatienceLimits {
  readonly idleTimeoutMs: number;
  readonly transferTimeoutMs: number;
}

/** How long a client may take to close after its last answer; what it sends meanwhile is thrown away. */
const CLOSING_MS = 1_000;

/** The server behind the gate has the same limit, and knows better what to say when it is over: it goes first. */
const INNER_FIRST_MS = 500;

/** One that has just been accepted may have sent its request, which is read next. (A busy program may take a moment.) */
const UNREAD_MS = 50;
/** Only a client that has had answers wait for so long, at once or a little each time, loses one to somebody else. */
const SLOW_MS = 1_000;
/** Puts those who have to take an answer behind those who owe a request. */
const MUCH_LATER_MS = 1e12;

/** Why a client has been waited for too long; `undefined` if it has not. */
export function overdue(
  { state, since, startedAt, isInside }: Owing,
  now: number,
  { idleTimeoutMs, transferTimeoutMs }: PatienceLimits,
): ClientTimeoutError | undefined {
  const waitedMs = now - since;
  switch (state) {
    case "waiting":
      return waitedMs >= idleTimeoutMs ? new ClientTimeoutError("The client sent nothing") : undefined;
    case "closing":
      return waitedMs >= CLOSING_MS ? new ClientTimeoutError("The client did not close") : undefined;
    case "sending":
      if (waitedMs >= idleTimeoutMs + (isInside ? INNER_FIRST_MS : 0)) {
        return new ClientTimeoutError(`The client took nothing for ${idleTimeoutMs} ms`);
      }
  }
  if (now - startedAt < transferTimeoutMs + INNER_FIRST_MS) return undefined;
  return new ClientTimeoutError(`The transfer took longer than ${transferTimeoutMs} ms`);
}

/**
 * Who gives way to somebody else: the client that has owed something for longest, a request before that it takes its answer. Of
 * those who have just been accepted none does, unless they are more than the others who owe something: a crowd, and its first one.
 */
export function whoGivesWay<C extends Owing>(connections: readonly C[], now: number): C | undefined {
  const unread: C[] = [];
  const others: C[] = [];
  for (const connection of connections) {
    if (isUnread(connection, now)) unread.push(connection);
    else if (owingSince(connection, now) !== undefined) others.push(connection);
  }
  return longestOwing(unread.length > others.length ? unread : others, now);
}

function longestOwing<C extends Owing>(connections: readonly C[], now: number): C | undefined {
  let first: C | undefined;
  let longest = Infinity;
  for (const connection of connections) {
    const since = owingSince(connection, now) ?? Infinity;
    if (since >= longest) continue;
    first = connection;
    longest = since;
  }
  return first;
}

/** Whether it has just been accepted, and its request may wait to be read. */
function isUnread({ state, since, isNew }: Owing, now: number): boolean {
  return isNew && state === "waiting" && now - since < UNREAD_MS;
}

/** Since when a client owes something, so that whoever gives way first comes first. */
function owingSince({ state, since, letWaitMs, mayBeGone }: Owing, now: number): number | undefined {
  const waitedMs = now - since;
  switch (state) {
    case "waiting":
    case "closing":
      return since;
    case "sending":
      return letWaitMs + waitedMs < SLOW_MS ? undefined : since - letWaitMs + MUCH_LATER_MS;
    case "answering":
      return mayBeGone && waitedMs >= NOTICED_AFTER_MS ? since : undefined;
  }
}
