/**
 * Asks a known router whether it is still there, without any request waiting for the answer.
 *
 * @module
 */

import type { DiscoveryConfig } from "../config/config.ts";
import { createNetwork } from "./network.ts";
import type { Router } from "./router.ts";
import type { SearchDeps } from "./search.ts";
import { withTimeout } from "../time/with_timeout.ts";

/** How long the router's DHCP server may take: a question, its repeat, and the answer. */
const DHCP_MS = 1_000;
/** How long its web server may take. */
const HTTP_MS = 5_000;

/**
 * Asks the router's DHCP server, which costs it next to nothing, and only if that is silent its web server.
 *
 * @returns the address by which it calls itself; the router's own where only the web server answered
 * @throws {Error} If neither answers, or the signal aborts.
 */
export async function confirmRouter(
  router: Router,
  config: DiscoveryConfig,
  { machine, validate, clock, signal }: SearchDeps & { readonly signal: AbortSignal },
): Promise<string> {
  const server = config.sources.includes("dhcp")
    ? await withTimeout(DHCP_MS, { clock, signal }, askServer).catch(() => undefined)
    : undefined;
  if (server !== undefined) return server;
  await withTimeout(HTTP_MS, { clock, signal }, (signal) => validate(router.address, signal));
  return router.address;

  async function askServer(signal: AbortSignal): Promise<string | undefined> {
    const nics = await createNetwork({ ...config, machine, signal }).nics();
    const nearest = nics.filter(({ name }) => name === router.iface);
    const answered = new AbortController();
    let server: string | undefined;
    await machine.exchange({
      clients: nearest.length > 0 ? nearest : nics,
      broadcast: false,
      servers: [router.address],
      retryMs: DHCP_MS,
      signal: AbortSignal.any([signal, answered.signal]),
      onReply(reply) {
        server ??= reply.server;
        answered.abort();
      },
    });
    return server;
  }
}
