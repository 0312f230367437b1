/**
 * `mdproxy4cs get PATH`: prints metadata as the service gives them to any client, so that a script needs no other program.
 * A session token is fetched where one is asked for.
 *
 * | exit code | means |
 * |---|---|
 * | 0 | a status of 2xx; the body is on standard output |
 * | 3, 4, 5 | a status of that class; nothing is on standard output |
 * | 1 | no answer |
 *
 * @module
 */

import { ConfigError } from "../../config/config_error.ts";
import { formatAddress, parseListenAddress } from "../../config/value.ts";
import type { ListenAddress } from "../../config/value.ts";
import { Connection } from "../../http1/connection.ts";
import type { ConnectionLimits } from "../../http1/connection.ts";
import { encodeRequestHead, isOriginForm } from "../../http1/message.ts";
import type { Header, ResponseBody, UpstreamResponse } from "../../http1/message.ts";
import { OutputError } from "../../system/standard_output.ts";
import { readWhole } from "../../http1/read_whole.ts";
import { createDeadlines } from "../../time/clock.ts";
import { askStatus, ControlError } from "../control_client.ts";
import type { CommandEnvironment } from "./run_status.ts";

/** How to get. */
export interface GetOptions {
  /** Where the service listens if it cannot be asked. */
  readonly listen: ListenAddress;
  readonly limits: ConnectionLimits;
  /** Writes bytes to standard output. @returns whether somebody still reads it @throws {OutputError} If it cannot. */
  readonly writeBytes: (bytes: Uint8Array) => boolean;
}

/** A path without a slash in front is one below this: `user-data`, `meta-data/instance-id`. */
const BASE = "/latest/";
const TOKEN_PATH = "/latest/api/token";
/** Long enough for the one request that it is fetched for. */
const TOKEN_TTL = "X-aws-ec2-metadata-token-ttl-seconds: 60";
const TOKEN_HEADER = "X-aws-ec2-metadata-token";
/** A token has a few dozen characters. */
const MAX_TOKEN_BYTES = 1_024;
const UNAUTHORIZED = 401;

/**
 * Runs the command.
 *
 * @returns the exit code
 * @throws {ConfigError} If the path is none.
 * @throws {OutputError} If the body cannot be written.
 */
export async function runGet(
  path: string,
  { listen, limits, writeBytes }: GetOptions,
  { socketPath, say }: CommandEnvironment,
): Promise<number> {
  const target = path.startsWith("/") ? path : BASE + path;
  if (!isOriginForm(target)) {
    throw new ConfigError(`get: "${path}" must be a path such as user-data, with blanks and the like percent-encoded`);
  }
  const address = await findService(socketPath) ?? listen;
  const authority = formatAddress(address);
  const deadlines = createDeadlines();
  const get = (headers: readonly Header[]) =>
    exchange(encodeRequestHead({ method: "GET", target, headers: [["Connection", "close"], ...headers] }, authority));

  async function exchange(request: Uint8Array<ArrayBuffer>): Promise<UpstreamResponse> {
    const connection = await Deno.connect({ ...address, transport: "tcp" });
    const ignore = () => {};
    return await new Connection(connection, { limits, deadlines, onFree: (it) => it.close(), onClosed: ignore })
      .exchange(request, { method: "GET", signal: new AbortController().signal });
  }

  async function fetchToken(): Promise<string | undefined> {
    const head = `PUT ${TOKEN_PATH} HTTP/1.1\r\nHost: ${authority}\r\n${TOKEN_TTL}\r\nConnection: close\r\n\r\n`;
    const { status, body } = await exchange(new TextEncoder().encode(head));
    if (status !== 200) return void body.cancel();
    const token = await readWhole(body, MAX_TOKEN_BYTES);
    if (token === undefined) throw new Error(`its token is longer than ${MAX_TOKEN_BYTES} bytes`);
    return new TextDecoder().decode(token);
  }

  try {
    let response = await get([]);
    if (response.status === UNAUTHORIZED) {
      response.body.cancel();
      const token = await fetchToken();
      if (token !== undefined) response = await get([[TOKEN_HEADER, token]]);
    }
    const { status, body } = response;
    if (status >= 200 && status < 300) {
      await pass(body, writeBytes);
      return 0;
    }
    body.cancel();
    say(`mdproxy4cs: error: ${target} has status ${status}`);
    return Math.floor(status / 100);
  } catch (error) {
    if (error instanceof OutputError) throw error;
    say(`mdproxy4cs: error: no answer from ${authority}: ${(error as Error).message}`);
    return 1;
  } finally {
    deadlines.close();
  }
}

/** Passes a body on to its end, or until no more of it is taken. */
async function pass(body: ResponseBody, take: (piece: Uint8Array) => boolean): Promise<void> {
  for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
    if (!take(piece)) return body.cancel();
  }
}

/** Where the running service says that it listens; `undefined` if it cannot be asked. */
async function findService(socketPath: string): Promise<ListenAddress | undefined> {
  try {
    return parseListenAddress((await askStatus(socketPath)).listeners.metadata);
  } catch (error) {
    if (error instanceof ControlError) return undefined;
    throw error;
  }
}
