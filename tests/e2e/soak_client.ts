/**
 * Asks the program for metadata over many connections at once and checks every byte it gets. Runs inside a guest, as a
 * process of its own; prints `progress N` now and then and ends with a line of JSON, a `SoakReport`.
 *
 * @module
 */

/** What to ask, and how often. */
export interface SoakOptions {
  readonly origin: string;
  readonly requests: number;
  readonly connections: number;
  /** What each path has to be answered with. */
  readonly expected: Readonly<Record<string, string>>;
}

/** What came of it. */
export interface SoakReport {
  /** How often each status came. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests that visibly failed, as a body does that is cut because its router vanished: the first few say how. */
  readonly failures: readonly string[];
  readonly failureCount: number;
  /** Answers that were not what they had to be: the first few, each in a sentence. */
  readonly wrong: readonly string[];
  readonly wrongCount: number;
  readonly slowestMs: number;
  readonly totalMs: number;
}

const PROGRESS_STEP = 250;
/** How many sentences of each kind are kept. */
const SHOWN = 5;
/** Longer than any answer may take: a request that hangs must fail, not hold up the test. */
const TIMEOUT_MS = 60_000;

async function soak({ origin, requests, connections, expected }: SoakOptions): Promise<SoakReport> {
  const paths = Object.keys(expected);
  const statuses: Record<string, number> = {};
  const failures: string[] = [];
  const wrong: string[] = [];
  let failureCount = 0;
  let wrongCount = 0;
  let slowestMs = 0;
  let next = 0;
  const startedAt = performance.now();
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: connections });

  const askOnce = async (number: number) => {
    const path = paths[number % paths.length]!;
    const method = number % 7 === 0 ? "HEAD" : "GET";
    // Every third is a question that was never asked before, which no cache can answer.
    const url = `${origin}${path}${number % 3 === 0 ? `?${number}` : ""}`;
    const askedAt = performance.now();
    try {
      const response = await fetch(url, { method, client, signal: AbortSignal.timeout(TIMEOUT_MS) });
      const body = await response.text();
      statuses[response.status] = (statuses[response.status] ?? 0) + 1;
      const due = response.status === 200 && method === "GET" ? expected[path]! : "";
      if (body !== due && ++wrongCount <= SHOWN) {
        wrong.push(`${method} ${url}: ${response.status} with ${body.length} bytes: ${body.slice(0, 80)}`);
      }
    } catch (error) {
      if (++failureCount <= SHOWN) failures.push(`${method} ${url}: ${error}`);
    }
    slowestMs = Math.max(slowestMs, performance.now() - askedAt);
  };
  await Promise.all(Array.from({ length: connections }, async () => {
    while (next < requests) {
      const number = next++;
      if (number % PROGRESS_STEP === 0) console.log(`progress ${number}`);
      await askOnce(number);
    }
  }));
  return {
    statuses,
    failures,
    failureCount,
    wrong,
    wrongCount,
    slowestMs: Math.round(slowestMs),
    totalMs: Math.round(performance.now() - startedAt),
  };
}

if (import.meta.main) console.log(JSON.stringify(await soak(JSON.parse(Deno.args[0]!))));
