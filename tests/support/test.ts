/**
 * `Deno.test` with the leak sanitizers on, which newer versions of Deno leave off.
 *
 * @module
 */

/** Registers a test that fails when it leaves an operation or a resource behind. */
export function test(name: string, run: (context: Deno.TestContext) => void | Promise<void>): void {
  Deno.test({ name, sanitizeOps: true, sanitizeResources: true, fn: run });
}
