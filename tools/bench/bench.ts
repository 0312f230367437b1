/**
 * Measures the program beside a direct request to the router, nginx as a reverse proxy, and the bare runtime; in one
 * run, on one network. It reports and never judges.
 *
 * ```
 *   tools/bench/bench.ts [--quick] [--json | --markdown] [--reference PATH]... [--install]
 * ```
 *
 * `--reference` adds another program with the same flags, such as an older release.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { whyNoNamespaces } from "../../tests/support/net/namespace.ts";
import { compile } from "../compile.ts";
import { ensurePackages, takeInstall } from "../packages.ts";
import { prepareContenders } from "./contenders.ts";
import { createLab } from "./lab.ts";
import { formatJson, formatMarkdown, formatText } from "./report.ts";
import type { Plan } from "./rounds.ts";
import { measureLives, measureServices } from "./rounds.ts";
import { createSamples } from "./samples.ts";
import { measureSizes } from "./sizes.ts";

const FULL: Plan = { lives: 5, loads: 9, loadSec: 1, idleSec: 60 };
const QUICK: Plan = { lives: 2, loads: 2, loadSec: 1, idleSec: 10 };

async function bench(given: readonly string[]): Promise<void> {
  const { args, install } = takeInstall(given);
  const { quick, json, markdown, reference } = parseArgs(args, {
    boolean: ["quick", "json", "markdown"],
    collect: ["reference"],
    string: ["reference"],
    unknown: (argument) => fail(`There is no argument "${argument}"`),
  });
  if (!await ensurePackages({ what: "./dev bench", programs: ["ip", "nginx", "dnsmasq", "setpriv", "wrk"], install })) {
    Deno.exit(1);
  }
  // nginx changes to a user of its own, of which there is none where somebody else plays root.
  if (Deno.uid() !== 0) fail("The benchmark needs root, for a network of its own and for nginx: sudo ./dev bench");
  const impossible = whyNoNamespaces();
  if (impossible !== undefined) fail(`The benchmark needs a network of its own: ${impossible}`);

  await compile();
  const plan = quick ? QUICK : FULL;
  const samples = createSamples();
  const circumstances = await describeCircumstances(args);
  await using lab = await createLab();
  const references = await Promise.all(reference.map((path: string) => Deno.realPath(path)));
  const contenders = await prepareContenders({ folder: lab.folder, references });
  const say = (what: string) => console.error(`bench: ${Math.round(performance.now() / 1e3)} s: ${what}`);
  await measureLives({ lab, contenders, samples, plan, say });
  await measureServices({ lab, contenders, samples, plan, say }, () => measureSizes(contenders, samples));

  const format = json ? formatJson : markdown ? formatMarkdown : formatText;
  console.log(format({ contenders: contenders.map(({ name }) => name), samples, circumstances }));
}

async function describeCircumstances(args: readonly string[]): Promise<string[]> {
  const [, model = "unknown processor"] = /^model name\s*: (.*)$/m.exec(await Deno.readTextFile("/proc/cpuinfo")) ?? [];
  const memory = Math.round(Deno.systemMemoryInfo().total / 2 ** 30);
  const load = Deno.loadavg()[0]!.toFixed(1);
  return [
    `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, ${["./dev bench", ...args].join(" ")}`,
    `${navigator.hardwareConcurrency} x ${model}, ${memory} GiB, Linux ${Deno.osRelease()}, load before the run ${load}`,
  ];
}

function fail(message: string): never {
  console.error(`bench: ${message}`);
  Deno.exit(1);
}

if (import.meta.main) await bench(Deno.args);
