/**
 * Measures the program beside a direct request to the router, nginx as a reverse proxy, and the bare runtime; in one
 * run, on one network. It reports and never judges. `./dev help` has its arguments.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { whyNoNamespaces } from "../../tests/support/net/namespace.ts";
import { refuse } from "../arguments.ts";
import { compile } from "../compile.ts";
import { ensurePackages, takeInstall } from "../packages.ts";
import { drawGrowth, formatGrowth, measureGrowth } from "./growth.ts";
import { createLab, prepareContenders } from "./lab.ts";
import { measureLoss } from "./loss.ts";
import { FULL, measure, QUICK } from "./measure.ts";
import { formatTable } from "./table.ts";

const PROGRAMS = ["ip", "nginx", "dnsmasq", "setpriv", "wrk", "python3"] as const;

async function bench(given: readonly string[]): Promise<void> {
  const { args, install } = takeInstall(given);
  const { quick, growth, loss, reference: paths } = parseArgs(args, {
    boolean: ["quick", "loss"],
    collect: ["reference"],
    string: ["growth", "reference"],
    unknown: (argument) => refuse(`there is no argument '${argument}' here`),
  });
  const references = Object.fromEntries(
    (paths as string[]).map((path, i) => [i === 0 ? "reference" : `reference ${i + 1}`, realFile(path)]),
  );
  if (!await ensurePackages({ what: "./dev bench", programs: PROGRAMS, install })) Deno.exit(1);
  const why = Deno.uid() === 0 ? whyNoNamespaces() : "nginx changes to a user of its own, which takes root";
  if (why !== undefined) {
    console.error(`bench: The benchmark needs root, and a network of its own: ${why}`);
    Deno.exit(1);
  }

  await compile();
  const plan = quick ? QUICK : FULL;
  console.log(await describeCircumstances(args));
  if (loss) return console.log(await measureLoss(plan.lossTurns, references));
  await using scene = await createLab();
  const contenders = await prepareContenders(scene.network.folder, references);
  if (growth !== undefined) {
    const growths = await measureGrowth(scene, contenders);
    await Deno.writeTextFile(growth, drawGrowth(growths));
    return console.log(formatGrowth(growths));
  }
  console.log(`${formatTable(await measure(scene, contenders, plan))}

Medians of interleaved rounds; x is how many times nginx's. Noise is half the spread between rounds of one measurement.`);
}

/** The path of a program that is to be measured, without links. */
function realFile(path: string): string {
  try {
    const real = Deno.realPathSync(path);
    if (Deno.statSync(real).isFile) return real;
  } catch {
    // Said below.
  }
  refuse(`there is no program '${path}'`);
}

async function describeCircumstances(args: readonly string[]): Promise<string> {
  const [, model = "unknown processor"] = /^model name\s*: (.*)$/m.exec(await Deno.readTextFile("/proc/cpuinfo")) ?? [];
  const [memory, load] = [(Deno.systemMemoryInfo().total / 2 ** 30).toFixed(), Deno.loadavg()[0]!.toFixed(1)];
  return `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, ${["./dev bench", ...args].join(" ")}  
${navigator.hardwareConcurrency} x ${model}, ${memory} GiB, Linux ${Deno.osRelease()}, load before the run ${load}\n`;
}

if (import.meta.main) await bench(Deno.args);
