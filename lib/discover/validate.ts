/**
 * Tells a virtual router from any other machine: it serves this guest's instance-id.
 *
 * @module
 */

import type { Client } from "../http1/client.ts";
import { ValidationError } from "./errors.ts";

/** Checks that the address serves metadata. @throws {Error} With a `kind`, if it does not. */
export type Validate = (address: string, signal: AbortSignal) => Promise<void>;

const TARGET = "/latest/meta-data/instance-id";
/** An instance-id is a few dozen bytes; whoever sends more than this is no virtual router. */
const MAX_BODY_BYTES = 4_096;

/**
 * Creates the check: `GET /latest/meta-data/instance-id` must be answered with 200 and a body. cloud-init found that a
 * router which is still coming up answers 200 with an empty one; and a page of HTML is some appliance's own.
 */
export function createValidate(client: Pick<Client, "request">): Validate {
  return async (address, signal) => {
    const request = { method: "GET", target: TARGET, headers: [["Accept", "*/*"]] } as const;
    // A kept connection would only prove that the router lived when it was made.
    const { status, body } = await client.request(address, request, { signal, fresh: true });
    if (status !== 200) {
      body.cancel();
      throw new ValidationError("status", `${TARGET} has status ${status}`);
    }
    const decoder = new TextDecoder();
    let text = "";
    for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > MAX_BODY_BYTES) {
        body.cancel();
        throw new ValidationError("not_metadata", `${TARGET} is longer than ${MAX_BODY_BYTES} bytes`);
      }
    }
    if (text.trim() === "") throw new ValidationError("empty", `${TARGET} is empty`);
    if (text.trimStart().startsWith("<")) throw new ValidationError("not_metadata", `${TARGET} is a page of HTML`);
  };
}
