/**
 * Tells a virtual router from any other machine: it serves this guest's instance-id.
 *
 * @module
 */

import type { Client } from "../http1/client.ts";
import type { ResponseBody, UpstreamResponse } from "../http1/message.ts";
import { readWhole } from "../http1/read_whole.ts";
import { ValidationError } from "./errors.ts";
import type { ValidationErrorKind } from "./errors.ts";

/**
 * Checks that the address serves metadata; calls back when it accepted a connection.
 *
 * @returns the instance-id: whose metadata it serves
 * @throws {Error} With a `kind`, if it does not.
 */
export type Validate = (address: string, signal: AbortSignal, onConnected?: () => void) => Promise<string>;

/** What a router is asked for, and proves itself with. */
export const PROOF = "/latest/meta-data/instance-id";
/** Whoever sends more than this is no virtual router. */
const MAX_BODY_BYTES = 4_096;
/** The longest instance-id: a host name is no longer. */
const MAX_ID_LENGTH = 255;
/** How much of something else is quoted, in characters, and of where a redirect leads. */
const MAX_QUOTED = 40;
const MAX_LOCATION = 120;

/**
 * Creates the check: `GET /latest/meta-data/instance-id` must be answered with 200 and an instance-id. cloud-init found
 * that a router which is still coming up answers 200 with nothing; portals and appliances answer 200 with a page, or `OK`.
 */
export function createValidate(client: Pick<Client, "request">): Validate {
  return async (address, signal, onConnected = () => {}) => {
    const request = { method: "GET", target: PROOF, headers: [["Accept", "*/*"]] } as const;
    // A kept connection would only prove that the router lived when it was made.
    const response = await client.request(address, request, { signal, fresh: true, onSent: onConnected });
    if (response.status === 200) return parseInstanceId(await readText(response.body));
    response.body.cancel();
    throw new ValidationError(kindOfStatus(response.status), `${PROOF} has ${describeStatus(response)}`);
  };
}

/**
 * Parses an instance-id: one line of letters, digits and `. _ : -`, with a digit among them. CloudStack's are `i-2-10-VM`
 * or a UUID, and every cloud's known have a number in it; `OK`, `true` or `Unauthorized` have none.
 *
 * @throws {ValidationError} `empty` or `not_metadata`
 */
export function parseInstanceId(text: string): string {
  const id = text.trim();
  if (id === "") throw new ValidationError("empty", `${PROOF} is empty`);
  const flaw = findFlaw(id);
  if (flaw === undefined) return id;
  throw new ValidationError("not_metadata", `${PROOF} is no instance-id but ${quote(id)}: ${flaw}`);
}

function findFlaw(id: string): string | undefined {
  if (id.length > MAX_ID_LENGTH) return `it is longer than ${MAX_ID_LENGTH} characters`;
  if (id.startsWith("<")) return "it is markup";
  if (!/^[\w.:-]+$/.test(id)) return "it has other characters than letters, digits and . _ : -";
  return /\d/.test(id) ? undefined : "it has no digit";
}

function quote(text: string): string {
  return JSON.stringify(beginningOf(text, MAX_QUOTED));
}

function beginningOf(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

async function readText(body: ResponseBody): Promise<string> {
  const bytes = await readWhole(body, MAX_BODY_BYTES);
  if (bytes !== undefined) return new TextDecoder().decode(bytes);
  throw new ValidationError("not_metadata", `${PROOF} is longer than ${MAX_BODY_BYTES} bytes`);
}

/** What a status other than 200 says of whoever answers with it. */
function kindOfStatus(status: number): ValidationErrorKind {
  if (status >= 300 && status < 400) return "redirect";
  if (status === 401 || status === 403 || status === 404) return "unknown_guest";
  return status >= 500 ? "server_error" : "status";
}

function describeStatus({ status, headers }: Pick<UpstreamResponse, "status" | "headers">): string {
  const location = headers.find(([name]) => name === "location")?.[1];
  return `status ${status}${location === undefined ? "" : ` (to ${beginningOf(location, MAX_LOCATION)})`}`;
}
