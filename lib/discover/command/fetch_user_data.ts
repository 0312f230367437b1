/**
 * Fetches the largest of a router's answers, user-data, to see whether large answers come through: a network that drops
 * large packets without a word lets an instance-id pass and nothing else.
 *
 * @module
 */

import type { Client } from "../../http1/client.ts";
import type { Clock } from "../../time/clock.ts";
import { withTimeout } from "../../time/with_timeout.ts";
import { causeKindOf } from "../errors.ts";
import type { CauseKind } from "../errors.ts";

/** What came. Never the data themselves: they are secrets. */
export interface UserDataReport {
  /** `undefined` if not even the head came. */
  readonly status: number | undefined;
  readonly bytes: number;
  /** What was announced, if it was. */
  readonly length: number | undefined;
  /** Why not everything came; `undefined` if it did. */
  readonly failure: { readonly kind: CauseKind; readonly message: string } | undefined;
}

const TARGET = "/latest/user-data";
/** More than CloudStack takes of anybody: where so much has come, large answers do come. */
const MAX_BYTES = 4 * 1024 * 1024;
/** A router that lets it trickle for longer has not given it. */
const LIMIT_MS = 30_000;

/** Fetches it, or enough of it. Never rejects. */
export async function fetchUserData(
  client: Pick<Client, "request">,
  address: string,
  clock: Clock,
): Promise<UserDataReport> {
  let status: number | undefined;
  let length: number | undefined;
  let bytes = 0;
  const fetch = async (signal: AbortSignal) => {
    const request = { method: "GET", target: TARGET, headers: [["Accept", "*/*"]] } as const;
    const { body, ...head } = await client.request(address, request, { signal, fresh: true });
    ({ status } = head);
    ({ length } = body);
    for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) return;
    }
  };
  try {
    await withTimeout(LIMIT_MS, { clock, signal: new AbortController().signal }, fetch);
    return { status, bytes, length, failure: undefined };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { status, bytes, length, failure: { kind: causeKindOf(error), message } };
  }
}

/** Says what came if it was not all; `undefined` if it was. */
export function describeUserData({ bytes, length, failure }: UserDataReport): string | undefined {
  if (failure === undefined) return undefined;
  const came = length === undefined ? `${bytes} bytes` : `${bytes} of ${length} bytes`;
  return `${TARGET}: ${bytes === 0 ? "nothing came" : `${came} came`} (${failure.message})`;
}
