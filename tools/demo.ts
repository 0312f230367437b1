/**
 * Shows a VM getting its metadata through the program from a router it had to find. Everything happens in namespaces that
 * are gone afterwards, or on loopback where the machine refuses those; its own network is neither used nor changed.
 *
 * @module
 */

import { createNetwork } from "../tests/support/net/network.ts";
import { whyNoNamespaces } from "../tests/support/net/namespace.ts";
import { createGuest, get, getUntilGood, PROXY, startProgram } from "../tests/support/net/program.ts";
import { sampleMetadata } from "../tests/support/servers/metadata.ts";
import { GUEST } from "../tests/support/servers/router.ts";
import { startScriptedRouter } from "../tests/support/servers/scripted_router.ts";
import { refuseUnknown } from "./arguments.ts";
import { ensureBundle } from "./bundle.ts";
import { compile } from "./compile.ts";
import { ensurePackages, takeInstall } from "./packages.ts";

const colored = Deno.stdout.isTerminal() && Deno.env.get("NO_COLOR") === undefined && Deno.env.get("TERM") !== "dumb";
const style = (code: number) => (text: string) => colored ? `\x1b[${code}m${text}\x1b[0m` : text;
const bold = style(1);
const faint = style(2);
const green = style(32);
const red = style(31);

const startedAt = performance.now();

async function demo(): Promise<void> {
  const refused = whyNoNamespaces();
  heading(`A VM and a virtual router, in a network made for this demo${refused === undefined ? "" : ", on loopback"}`);
  say(`    VM  eth0 ${GUEST.address} ───── 10.1.1.1  virtual router: DHCP, and metadata on port 80`);
  say(faint("    The VM is not told where the router is."));
  say();
  if (refused !== undefined) {
    skipped("the listen address is not added to an interface, and no packet leaves a network card:");
    say(`    ${refused.replace(". ", ".\n    ")}`);
    say(
      faint(`    The program is \`deno run\` of its bundle with its own permissions, under Deno ${Deno.version.deno};`),
    );
    say(faint("    10.1.1.1 port 80 is a port of 127.0.0.0/8 above 1024, and so is all else of the network."));
    say();
  }
  await using network = await createNetwork();
  const lan = await network.createSegment();
  const vm = await createGuest(network, lan);
  const host = await network.createHost("router");
  await lan.attach(host, { iface: "eth0", address: "10.1.1.1/24" });
  const start = (address: string) =>
    startScriptedRouter(host, { address, guests: [{ ...GUEST, metadata: sampleMetadata(GUEST.address) }] });
  const router = await start("10.1.1.1");
  done("the network and the router are up");

  heading("mdproxy4cs starts in the VM, without any flags");
  const program = await startProgram(vm);
  if (refused === undefined) {
    const added = await program.waitForLine(/\badded the listen address\b/);
    done(`address:   ${field(added, "address")} added to ${field(added, "interface")}`);
  } else skipped("address:   169.254.169.254 would be added to lo");
  const found = await program.waitForLine(FOUND);
  done(`listening: ${PROXY}`);
  done(`router:    ${field(found, "address")}, found by ${field(found, "source")} in ${field(found, "searchMs")} ms`);
  for (const line of router.lines.filter((line) => /DHCP|GET/.test(line))) say(faint(`      the router: ${line}`));

  heading("The VM reads its metadata through it");
  const listing = await fetchGood(vm, "/latest/meta-data/");
  for (const key of listing.body.trim().split("\n")) {
    const { body } = await fetchGood(vm, `/latest/meta-data/${key}`);
    say(`    ${key.padEnd(18)} ${body}`);
  }
  const userData = await fetchGood(vm, "/latest/user-data");
  say(`    ${"user-data".padEnd(18)} ${userData.body}`);
  say();
  done(`each in a few ms: this user-data took ${userData.elapsedMs} ms`);

  heading("The router is replaced by one at another address");
  await router.stop();
  await host.ip("address flush dev eth0");
  await host.ip("address add 10.1.1.2/24 dev eth0");
  await start("10.1.1.2");
  // A path that was not asked for yet: what the program keeps must not answer for the router.
  const next = await getUntilGood(vm, "/latest/meta-data/instance-id?after-the-move");
  done(`the next request was answered ${next.totalMs} ms after the new router was up`);
  const moved = await program.waitForLine(/\bthe router moved\b/);
  done(`router:    ${field(moved, "address")}, before ${field(moved, "from")}`);

  heading("What the VM would be told if it asked in vain");
  const missing = await get(vm, "/latest/meta-data/no-such-key");
  done(`an unknown key: ${missing.status}, with an empty body (bosh-agent would install an error page as an SSH key)`);
  const foreign = await get(vm, "/latest/user-data", ["--header", "X-Forwarded-For: 192.0.2.1"]);
  done(`a request passed on for somebody else: ${foreign.status}`);

  const { code } = await program.stop();
  if (code !== 0) throw new Error(`The program ended with ${code} when it was told to stop`);
}

/** The program's line about the router it found. */
const FOUND = /\bfound the router\b/;

/** Reads a field of a log line. */
function field(line: string, name: string): string {
  return new RegExp(`\\b${name}=(\\S+)`).exec(line)?.[1] ?? "?";
}

async function fetchGood(vm: Parameters<typeof get>[0], path: string): Promise<Awaited<ReturnType<typeof get>>> {
  const answer = await get(vm, path);
  if (answer.status !== 200) throw new Error(`${path} was answered with ${answer.status} ${answer.error}`);
  return answer;
}

function say(line = ""): void {
  console.log(line);
}

function heading(line: string): void {
  say(`\n${bold(line)}\n`);
}

function skipped(line: string): void {
  say(`  ${bold("-")} skipped: ${line}`);
}

function done(line: string): void {
  const elapsed = `${((performance.now() - startedAt) / 1_000).toFixed(2)} s`;
  say(`  ${green("✓")} ${line} ${faint(`· ${elapsed}`)}`);
}

const { args, install } = takeInstall(Deno.args);
refuseUnknown(args);
if (!await ensurePackages({ what: "./dev demo", programs: ["ip", "nsenter", "unshare", "setpriv", "curl"], install })) {
  Deno.exit(1);
}
try {
  if (whyNoNamespaces() === undefined) await compile();
  else Deno.env.set("MDPROXY4CS_BINARY", await ensureBundle());
  await demo();
  done("stopped, and nothing is left behind");
  say();
} catch (error) {
  console.error(`\n${red("✗")} ${error instanceof Error ? error.message : error}`);
  Deno.exitCode = 1;
}
