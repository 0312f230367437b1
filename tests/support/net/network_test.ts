/**
 * Registers tests that need namespaces, servers or other programs. Where this machine lacks one, the test is skipped, and its name
 * says what it needs.
 *
 * @module
 */

import { whyNoNamespaces } from "./namespace.ts";
import { missingPackages } from "../packages.ts";
import type { Program } from "../packages.ts";

/** What a test needs besides namespaces. */
export interface Needs {
  readonly programs?: readonly Program[];
  /** The oldest version of systemd that will do. */
  readonly systemd?: number;
  /** Whether it cannot run inside a user namespace. */
  readonly root?: boolean;
  /** Whether it makes namespaces (default: yes). */
  readonly namespaces?: boolean;
}

const noNamespaces = whyNoNamespaces();

/** Registers a test with the leak sanitizers on. */
export function networkTest(name: string, needs: Needs, run: (context: Deno.TestContext) => Promise<void>): void {
  const why = whyNot(needs);
  Deno.test({
    name: why === undefined ? name : `${name} (skipped: ${why})`,
    ignore: why !== undefined,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: run,
  });
}

function whyNot({ programs = [], systemd, root = false, namespaces = true }: Needs): string | undefined {
  const always: readonly Program[] = namespaces ? ["ip", "nsenter", "unshare", "setpriv", "curl"] : [];
  const missing = missingPackages([...always, ...programs]);
  if (missing.length > 0) return `needs ${missing.join(", ")}`;
  if (systemd !== undefined && systemdVersion() < systemd) return `needs systemd ${systemd}, has ${systemdVersion()}`;
  if (root && Deno.uid() !== 0) return "needs root";
  return namespaces ? noNamespaces : undefined;
}

function systemdVersion(): number {
  const { stdout } = new Deno.Command("systemd-analyze", { args: ["--version"] }).outputSync();
  return Number(/^systemd (\d+)/.exec(new TextDecoder().decode(stdout))?.[1] ?? 0);
}
