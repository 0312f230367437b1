/**
 * Puts the proxy behind its server.
 *
 * @module
 */

import type { ProxyConfig } from "../../config/config.ts";
import type { Front, FrontOptions } from "./front.ts";
import { openFront } from "./front.ts";
import { createProxy } from "../proxy.ts";
import type { ProxyDependencies } from "../proxy.ts";
import type { Router } from "../upstream/upstream.ts";

/**
 * Starts to serve metadata.
 *
 * @throws {ListenError} If the address is taken and stays so, or is not this machine's.
 */
export async function serveProxy<R extends Router>(
  config: ProxyConfig,
  { onRest, ...dependencies }: ProxyDependencies<R> & Pick<FrontOptions, "onRest">,
): Promise<Front> {
  const { activity, handle, close } = createProxy(config, dependencies);
  const { address, shutdown } = await openFront(config.listen, handle, {
    activity,
    lifetimeMs: config.idleTimeoutMs,
    log: dependencies.log,
    onRest,
  });
  return {
    address,
    async shutdown(graceMs) {
      await shutdown(graceMs);
      close();
    },
  };
}
