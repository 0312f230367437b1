/**
 * Measures the program beside a direct request to the router, nginx as a reverse proxy, and the bare runtime; in one
 * run, on one network. It reports and never judges.
 *
 * ```
 *   ./dev bench [--quick] [--growth FILE.svg | --loss] [--reference PATH]... [--install]
 * ```
 *
 * `--growth` measures what a request costs as work grows instead, and draws it; `--loss` how long the first metadata take where
 * frames are lost or late; `--reference` adds another program with the same flags, such as an older release, with its cache and
 * without.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { whyNoNamespaces } from "../../tests/support/net/namespace.ts";
import { compile } from "../compile.ts";
import { ensurePackages, takeInstall } from "../packages.ts";
import { prepareContenders } from "./contenders.ts";
import type { Contender } from "./contenders.ts";
import { createLab } from "./lab.ts";
import { drawGrowth, formatGrowth, measureGrowth } from "./growth.ts";
import { measureLoss } from "./loss.ts";
import type { Plan } from "./rounds.ts";
import { measureLives, measureServices } from "./rounds.ts";
import { createSamples, formatTable, YARDSTICK } from "./table.ts";
import type { Samples } from "./table.ts";

const FULL: Plan = { lives: 5, loads: 9, loadSec: 1, idleSec: 60, lossTurns: 9 };
const QUICK: Plan = { lives: 2, loads: 2, loadSec: 1, idleSec: 10, lossTurns: 3 };
const PROGRAMS = ["ip", "nginx", "dnsmasq", "setpriv", "wrk", "python3"] as const;

async function bench(given: readonly string[]): Promise<void> {
  const { args, install } = takeInstall(given);
  const { quick, growth, loss, reference: paths } = parseArgs(args, {
    boolean: ["quick", "loss"],
    collect: ["reference"],
    string: ["growth", "reference"],
    unknown: (argument) => fail(`There is no argument "${argument}"`),
  });
  if (!await ensurePackages({ what: "./dev bench", programs: PROGRAMS, install })) Deno.exit(1);
  // nginx changes to a user of its own, of which there is none where somebody else plays root.
  if (Deno.uid() !== 0) fail("The benchmark needs root, for a network of its own and for nginx: sudo ./dev bench");
  const impossible = whyNoNamespaces();
  if (impossible !== undefined) fail(`The benchmark needs a network of its own: ${impossible}`);

  await compile();
  const plan = quick ? QUICK : FULL;
  const circumstances = await describeCircumstances(args);
  const references = Object.fromEntries(
    (paths as string[]).map((path, i) => [i === 0 ? "reference" : `reference ${i + 1}`, Deno.realPathSync(path)]),
  );
  if (loss) return console.log(`${circumstances}\n\n${await measureLoss(plan.lossTurns, references)}`);
  await using scene = await createLab();
  const contenders = await prepareContenders(scene, references);
  if (growth !== undefined) {
    const growths = await measureGrowth(scene, contenders, plan.loadSec);
    await Deno.writeTextFile(growth, drawGrowth(growths));
    return console.log(`${circumstances}\n\n${formatGrowth(growths)}`);
  }
  const samples = createSamples();
  await measureLives({ scene, contenders, samples, plan });
  await measureServices({ scene, contenders, samples, plan });
  await measureSizes(contenders, samples);
  console.log(`${circumstances}\n\n${formatTable(contenders.map(({ name }) => name), samples)}\n`);
  console.log(
    `Medians of interleaved rounds; x is how many times ${YARDSTICK}'s. Noise is half the spread between rounds of one measurement.`,
  );
}

/** What the contenders weigh on a disk and on the wire. */
async function measureSizes(contenders: readonly Contender[], samples: Samples): Promise<void> {
  for (const { name, argv: [command] } of contenders) {
    if (command === undefined) continue;
    const path = command.startsWith("/") ? command : `/usr/sbin/${command}`;
    const { stdout } = await new Deno.Command("sh", { args: ["-c", 'gzip -9 -c "$1" | wc -c', "sh", path] }).output();
    samples.add(name, {
      executable: (await Deno.stat(path)).size / 1e6,
      archive: Number(new TextDecoder().decode(stdout)) / 1e6,
    });
  }
}

async function describeCircumstances(args: readonly string[]): Promise<string> {
  const [, model = "unknown processor"] = /^model name\s*: (.*)$/m.exec(await Deno.readTextFile("/proc/cpuinfo")) ?? [];
  const memory = Math.round(Deno.systemMemoryInfo().total / 2 ** 30);
  const load = Deno.loadavg()[0]!.toFixed(1);
  return [
    `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, ${["./dev bench", ...args].join(" ")}`,
    `${navigator.hardwareConcurrency} x ${model}, ${memory} GiB, Linux ${Deno.osRelease()}, load before the run ${load}`,
  ].join("  \n");
}

function fail(message: string): never {
  console.error(`bench: ${message}`);
  Deno.exit(1);
}

if (import.meta.main) await bench(Deno.args);
