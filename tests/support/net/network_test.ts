/**
 * Registers tests that need namespaces, servers or other programs. Where this machine lacks one, the test is skipped, and its name
 * says what it needs.
 *
 * @module
 */

import { ON_LOOPBACK, whyNoNamespaces } from "./namespace.ts";
import { missingPackages } from "../packages.ts";
import type { Program } from "../packages.ts";

/** What a test needs. */
export interface Needs {
  readonly programs?: readonly Program[];
  /** The oldest version of systemd that will do. */
  readonly systemd?: number;
  /** The oldest version of systemd that will do no more. */
  readonly systemdBefore?: number;
  /** Whether it cannot run inside a user namespace. */
  readonly root?: boolean;
  /**
   * What network it needs: hosts with interfaces, addresses and programs of their own (the default); any, which on loopback
   * is a guest and routers of this project; or none.
   */
  readonly network?: "namespaces" | "any" | "none";
  /** What it needs of `programs` only where there are namespaces, as the servers that loopback has a stand-in for. */
  readonly servers?: readonly Program[];
}

/** Root alone. */
export const NEEDS_ROOT: Needs = { root: true, network: "none" };

const noNamespaces = whyNoNamespaces();

/** Registers a test with the leak sanitizers on. */
export function networkTest(name: string, needs: Needs, run: (context: Deno.TestContext) => Promise<void>): void {
  if (ON_LOOPBACK && needs.network !== "any") return;
  const why = whyNot(needs);
  Deno.test({
    name: why === undefined ? name : `${name} (skipped: ${why})`,
    ignore: why !== undefined,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: run,
  });
}

function whyNot(
  { programs = [], servers = [], systemd, systemdBefore, root = false, network = "namespaces" }: Needs,
): string | undefined {
  const isReal = network !== "none" && noNamespaces === undefined;
  const always: readonly Program[] = network === "none" ? [] : isReal ? [...ALWAYS, ...NAMESPACES, ...servers] : ALWAYS;
  const missing = missingPackages([...always, ...programs]);
  if (noNamespaces !== undefined && network === "namespaces") return noNamespaces;
  if (missing.length > 0) return `needs ${missing.join(", ")}`;
  if (programs.includes("losetup") && !hasLoopDevices()) {
    return "this machine has no loop devices in /dev, as docker run --privileged has";
  }
  if (systemd !== undefined && systemdVersion() < systemd) return `needs systemd ${systemd}, has ${systemdVersion()}`;
  if (systemdBefore !== undefined && systemdVersion() >= systemdBefore) {
    return `needs a systemd before ${systemdBefore}, has ${systemdVersion()}`;
  }
  return root && Deno.uid() !== 0 ? "needs root" : undefined;
}

const ALWAYS = ["curl", "setpriv"] as const;
const NAMESPACES = ["ip", "nsenter", "unshare"] as const;

function hasLoopDevices(): boolean {
  try {
    return Deno.statSync("/dev/loop-control").isCharDevice === true;
  } catch {
    return false;
  }
}

function systemdVersion(): number {
  const { stdout } = new Deno.Command("systemd-analyze", { args: ["--version"] }).outputSync();
  return Number(/^systemd (\d+)/.exec(new TextDecoder().decode(stdout))?.[1] ?? 0);
}
