/**
 * Fetches the largest of a router's answers, user-data, to see whether large answers come through: a network that drops
 * large packets without a word lets an instance-id pass and nothing else.
 *
 * @module
 */

import type { Client } from "../../http1/client.ts";

/** What came. Never the data themselves: they are secrets. */
export interface UserDataReport {
  /** `undefined` if not even the head came. */
  readonly status: number | undefined;
  readonly bytes: number;
  /** What was announced, if it was. */
  readonly length: number | undefined;
  /** Why not everything came; `undefined` if it did. */
  readonly failure: string | undefined;
}

const TARGET = "/latest/user-data";

/** Fetches it. Never rejects. */
export async function fetchUserData(
  client: Pick<Client, "request">,
  address: string,
  signal: AbortSignal,
): Promise<UserDataReport> {
  let status: number | undefined;
  let length: number | undefined;
  let bytes = 0;
  try {
    const request = { method: "GET", target: TARGET, headers: [["Accept", "*/*"]] } as const;
    const response = await client.request(address, request, { signal, fresh: true });
    status = response.status;
    length = response.body.length;
    for (let chunk = await response.body.read(); chunk !== undefined; chunk = await response.body.read()) {
      bytes += chunk.length;
    }
    return { status, bytes, length, failure: undefined };
  } catch (error) {
    return { status, bytes, length, failure: error instanceof Error ? error.message : String(error) };
  }
}

/** Says what came if it was not all; `undefined` if it was. */
export function describeUserData({ bytes, length, failure }: UserDataReport): string | undefined {
  if (failure === undefined) return undefined;
  const came = length === undefined ? `${bytes} bytes` : `${bytes} of ${length} bytes`;
  return `${TARGET}: ${bytes === 0 ? "nothing came" : `${came} came`} (${failure})`;
}
