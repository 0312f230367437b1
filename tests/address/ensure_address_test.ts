import { assertEquals, assertRejects } from "@std/assert";
import type { LabelledAddress } from "../../lib/address/ensure_address.ts";
import { ensureAddress } from "../../lib/address/ensure_address.ts";
import type { CommandErrorKind } from "../../lib/system/run_ip.ts";
import { CommandError } from "../../lib/system/run_ip.ts";
import { test } from "../support/test.ts";

const ADDRESS = "169.254.169.254";

/** A machine whose `ip` does what it is told, or fails the way `failure` says. */
function machine(
  present: LabelledAddress[],
  failure?: { kind: CommandErrorKind; stderr: string; meanwhile?: string },
) {
  const commands: string[] = [];
  return {
    commands,
    interfaces: () => present,
    signal: new AbortController().signal,
    runIp(args: readonly string[]) {
      commands.push(args.join(" "));
      if (failure?.meanwhile !== undefined) present.push({ name: failure.meanwhile, address: ADDRESS });
      return failure === undefined ? Promise.resolve("") : Promise.reject(new CommandError("Cannot run", failure));
    },
  };
}

test("ensureAddress adds a link-local address that is nowhere", async () => {
  const system = machine([{ name: "lo", address: "127.0.0.1" }]);
  assertEquals(await ensureAddress(ADDRESS, system), "added");
  assertEquals(system.commands, ["address add 169.254.169.254/32 dev lo"]);
});

test("ensureAddress leaves alone what is there, and what is not link-local", async () => {
  const system = machine([{ name: "lo", address: ADDRESS }]);
  assertEquals(await ensureAddress(ADDRESS, system), "present");
  assertEquals(await ensureAddress(ADDRESS, machine([{ name: "lo:0", address: ADDRESS }])), "present");
  assertEquals(await ensureAddress("127.0.0.1", system), "present");
  assertEquals(await ensureAddress("::1", system), "present");
  assertEquals(system.commands, []);
});

test("ensureAddress takes an address that the pre-start script added meanwhile for present", async () => {
  const system = machine([], { kind: "failed", stderr: "RTNETLINK answers: File exists", meanwhile: "lo" });
  assertEquals(await ensureAddress(ADDRESS, system), "present");
});

test("ensureAddress says each failure in its own words", async () => {
  const table: [ReturnType<typeof machine>, string][] = [
    [machine([{ name: "eth1", address: ADDRESS }]), "ip address del 169.254.169.254 dev eth1"],
    [machine([], { kind: "missing", stderr: "" }), "to lo: Cannot run"],
    [machine([], { kind: "not_permitted", stderr: "Operation not permitted" }), "CAP_NET_ADMIN"],
    [machine([], { kind: "failed", stderr: "Cannot find device" }), 'ip says "Cannot find device"'],
  ];
  for (const [system, words] of table) {
    await assertRejects(() => ensureAddress(ADDRESS, system), Error, words);
  }
});
