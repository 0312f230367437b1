/**
 * Sends broken requests and answers through the program, for as long as it is told (default: an hour). A round is the
 * test of the end-to-end tests with more requests and another seed; the first that fails ends it, and names its seed.
 *
 * ```
 *   tools/fuzz.ts [SECONDS [SEED]]
 * ```
 *
 * @module
 */

import { compile } from "./compile.ts";
import { runTests } from "./run_tests.ts";

/** A round takes a minute or so. */
const REQUESTS = 20_000;

const [seconds = 3_600, first = Math.floor(Math.random() * 1e9)] = Deno.args.map(Number);
if (!(seconds > 0) || !Number.isInteger(first)) {
  console.error("usage: ./dev fuzz [SECONDS [SEED]]");
  Deno.exit(2);
}
if (!Deno.env.has("MDPROXY4CS_BINARY")) await compile();
Deno.env.set("MDPROXY4CS_FUZZ_REQUESTS", String(REQUESTS));
const deadline = performance.now() + seconds * 1_000;
let seed = first;
do {
  Deno.env.set("MDPROXY4CS_FUZZ_SEED", String(seed));
  const code = await runTests(["tests/e2e/fuzz_test.ts"]);
  if (code !== 0) {
    console.error(`Seed ${seed} found something: ./dev fuzz 1 ${seed}`);
    Deno.exit(code);
  }
  seed++;
} while (performance.now() < deadline);
const count = (seed - first) * REQUESTS;
console.log(`${count} requests and ${count / 2} answers of seeds ${first} to ${seed - 1}: nothing was found`);
