/**
 * Makes sure that the address to listen on exists, by adding it to `lo` when it is link-local and nowhere else.
 *
 * Knows `ip address` (iproute2); leaves running it, and looking at the interfaces, to the caller. Does what
 * `assets/pre-start.sh` does, for images that start the program without it.
 *
 * @module
 */

import { CommandError } from "../system/run_ip.ts";
import type { RunIp } from "../system/run_ip.ts";
import { isLinkLocal } from "../ipv4/ipv4.ts";

/** An address and the label that it has, as `Deno.networkInterfaces()` gives them. */
export type LabelledAddress = Pick<Deno.NetworkInterfaceInfo, "name" | "address">;

/**
 * Ensures that a link-local address is on `lo`; any other address is taken to exist.
 *
 * @returns whether it had to be added
 * @throws {Error} If it is on another interface, or cannot be added.
 */
export async function ensureAddress(
  address: string,
  system: {
    readonly interfaces: () => readonly LabelledAddress[];
    readonly runIp: RunIp;
    /** Ends the adding. */
    readonly signal: AbortSignal;
  },
): Promise<"present" | "added"> {
  if (!isLinkLocal(address)) return "present";
  const holder = () => holderOf(address, system.interfaces());

  const found = holder();
  if (found === "lo") return "present";
  if (found !== undefined) {
    throw new Error(
      `Cannot listen on ${address}: it is on ${found}, where others could ask for this VM's secrets; ` +
        `remove it ("ip address del ${address} dev ${found}") or choose another with --http-listen`,
    );
  }

  try {
    await system.runIp(["address", "add", `${address}/32`, "dev", "lo"], { signal: system.signal });
  } catch (error) {
    // The unit's pre-start script may have come in between.
    if (holder() === "lo") return "present";
    throw explain(address, error);
  }
  return "added";
}

/** The device that has the address, whatever label the address has there. */
export function holderOf(address: string, interfaces: readonly LabelledAddress[]): string | undefined {
  return interfaces.find((entry) => entry.address === address)?.name.split(":")[0];
}

function explain(address: string, cause: unknown): unknown {
  if (!(cause instanceof CommandError)) return cause;
  const failed = `Cannot add ${address} to lo`;
  switch (cause.kind) {
    case "missing":
      return new Error(`${failed}: ${cause.message}`, { cause });
    case "not_permitted":
      return new Error(
        `${failed}: the capability CAP_NET_ADMIN is missing; run pre-start.sh as root first, or start as root`,
        { cause },
      );
    case "failed":
      return new Error(`${failed}: ip says "${cause.stderr}"`, { cause });
  }
}
