/**
 * A router over a restart: read once, written whenever it is another one.
 *
 * @module
 */

import type { DiscoveryConfig } from "../config/config.ts";
import { formatRemembered, parseRemembered } from "./remembered.ts";
import type { Remembered, RouterMemory } from "./remembered.ts";
import type { Router } from "./router.ts";

/** What is remembered, and what is to be. */
export interface Recall {
  /** The router of an earlier run; `undefined` if there was none, or none of this configuration's. */
  readonly remembered: Remembered | undefined;
  remember(router: Router): void;
}

/** Reads the memory, if there is one. `onIgnored` is told why what it holds cannot be the router's. */
export function recall(
  memory: RouterMemory | undefined,
  { sources, iname, server }: Pick<DiscoveryConfig, "sources" | "iname" | "server">,
  { onIgnored }: { readonly onIgnored: (reason: string) => void },
): Recall {
  const remembered = read();
  let written = remembered && formatRemembered(remembered);
  return {
    remembered,
    remember(router) {
      const text = formatRemembered({ iname, ...router });
      if (text !== written) memory?.write(text);
      written = text;
    },
  };

  function read(): Remembered | undefined {
    const text = memory?.read();
    if (text === undefined) return undefined;
    try {
      const remembered = parseRemembered(text);
      const { source, address } = remembered;
      if (remembered.iname !== iname) onIgnored(`--iname was ${remembered.iname}`);
      else if (!sources.includes(source)) onIgnored(`--discovery does not name ${source} any more`);
      else if (source === "server" && address !== server) onIgnored(`--server was ${address}`);
      else return remembered;
    } catch (error) {
      onIgnored((error as Error).message);
    }
    return undefined;
  }
}
