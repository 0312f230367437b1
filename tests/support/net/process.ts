/**
 * A process of a test: started, listened to line by line, waited for, and never left behind.
 *
 * Knows nothing of namespaces; whoever starts it says what to run.
 *
 * @module
 */

/** How long a test waits for something to happen before it gives up: generous, because the machine may be busy. */
export const PATIENCE_MS = 30_000;

/** How long a process may take to end by itself once it was asked to. */
const STOP_MS = 10_000;

/** How long what a process has left behind may hold its output open after it. */
const PIPES_MS = 2_000;

/** What a finished command said. */
export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as it was, for bodies that are not text. */
  readonly bytes: Uint8Array;
}

/** What to run. The environment holds nothing but what is given and a PATH. */
export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** What the command reads; a process started by `startProcess` keeps its standard input open instead. */
  readonly input?: string;
  /** Kills the command. */
  readonly signal?: AbortSignal;
}

/** A process that runs until it is stopped. Who still waits for a line of one that is disposed of waits for ever. */
export interface Process extends AsyncDisposable {
  readonly pid: number;
  /** Every line of standard output and standard error so far, in the order they arrived. */
  readonly lines: readonly string[];
  /** Resolves when it has ended and all it wrote was read. */
  readonly ended: Promise<Deno.CommandStatus>;
  /**
   * Resolves to the first line that matches, from line number `from` (default 0) on: one already there, or the next.
   *
   * @throws {Error} If the process ends or the test's patience does, with what it wrote instead.
   */
  waitForLine(pattern: RegExp, options?: { readonly from?: number; readonly timeoutMs?: number }): Promise<string>;
  /** Writes a line to its standard input. */
  send(line: string): Promise<void>;
  /** Sends a signal and goes on. */
  kill(signal: Deno.Signal): void;
  /** Asks it to end, insists if it does not, and resolves when it has. */
  stop(signal?: Deno.Signal): Promise<Deno.CommandStatus>;
}

/** The variables among these that whoever runs the tests has set. */
export function inherit(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}

/** The environment every command gets. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Runs a command to its end.
 *
 * @throws {Error} If it does not end within twice the test's patience: curl and others have limits of their own.
 */
export async function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<Output> {
  const child = command(argv, options).spawn();
  const pipes = new AbortController();
  const reading = Promise.all([collect(child.stdout, pipes.signal), collect(child.stderr, pipes.signal)]);
  let timedOut = false;
  const kill = () => signalChild(child, "SIGKILL");
  const timer = setTimeout(() => {
    timedOut = true;
    kill();
  }, 2 * PATIENCE_MS);
  options.signal?.addEventListener("abort", kill);
  const writer = child.stdin.getWriter();
  // A command that does not read its input closes it early: its exit code says whether that is a failure.
  await writer.write(new TextEncoder().encode(options.input ?? "")).then(() => writer.close()).catch(() => {});
  const { code } = await child.status;
  clearTimeout(timer);
  options.signal?.removeEventListener("abort", kill);
  const [stdout, stderr] = await endWithin(PIPES_MS, { reading, pipes });
  const decoder = new TextDecoder();
  if (timedOut) {
    throw new Error(`${argv.join(" ")} did not end; it wrote:\n${decoder.decode(stdout)}${decoder.decode(stderr)}`);
  }
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr), bytes: stdout };
}

/** What a command printed that had to succeed. @throws {Error} If it failed: says which, and all that it wrote. */
export function outputOf({ code, stdout, stderr }: Output, argv: readonly string[], host = "here"): string {
  if (code !== 0) throw new Error(`${host}: ${argv.join(" ")} exited with ${code}: ${(stdout + stderr).trim()}`);
  return stdout;
}

/** Starts a process and reads all it writes. */
export function startProcess(argv: readonly string[], options: CommandOptions = {}): Process {
  const child = command(argv, options).spawn();
  const stdin = child.stdin.getWriter();
  const lines: string[] = [];
  const wakers = new Set<() => void>();
  const abandoned = new AbortController();
  const pipes = new AbortController();
  const read = async (stream: ReadableStream<Uint8Array>) => {
    let rest = "";
    const decoder = new TextDecoder();
    await readEach(stream, pipes.signal, (bytes) => {
      const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = parts.pop()!;
      lines.push(...parts);
      wakers.forEach((wake) => wake());
    });
    if (rest !== "") lines.push(rest);
  };
  const reading = Promise.all([read(child.stdout), read(child.stderr)]);
  let running = true;
  const ended = child.status.then(async (status) => {
    await endWithin(PIPES_MS, { reading, pipes });
    running = false;
    wakers.forEach((wake) => wake());
    await stdin.close().catch(() => {});
    return status;
  });
  const kill = (signal: Deno.Signal) => signalChild(child, signal);

  const self: Process = {
    pid: child.pid,
    lines,
    ended,

    waitForLine(pattern, { from = 0, timeoutMs = PATIENCE_MS } = {}) {
      return new Promise((resolve, reject) => {
        let next = from;
        const finish = (settle = () => {}) => {
          clearTimeout(timer);
          wakers.delete(look);
          abandoned.signal.removeEventListener("abort", leave);
          settle();
        };
        const leave = () => finish();
        const fail = (why: string) =>
          finish(() => reject(new Error(`${why} ${pattern} from ${argv.join(" ")}; it wrote:\n${lines.join("\n")}`)));
        const look = () => {
          for (; next < lines.length; next++) {
            const line = lines[next]!;
            if (pattern.test(line)) return finish(() => resolve(line));
          }
          if (!running) fail("The process ended before a line matched");
        };
        const timer = setTimeout(() => fail(`No line matched within ${timeoutMs} ms:`), timeoutMs);
        wakers.add(look);
        abandoned.signal.addEventListener("abort", leave);
        look();
      });
    },

    send: (line) => stdin.write(new TextEncoder().encode(`${line}\n`)),
    kill,

    async stop(signal = "SIGTERM") {
      kill(signal);
      kill("SIGCONT"); // a test may have stopped it in its tracks
      const timer = setTimeout(() => kill("SIGKILL"), STOP_MS);
      try {
        return await ended;
      } finally {
        clearTimeout(timer);
      }
    },

    async [Symbol.asyncDispose]() {
      abandoned.abort();
      await self.stop();
    },
  };
  return self;
}

function signalChild(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    // It ended by itself a moment ago.
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Reads a stream to its end, or until the signal says that nobody waits for that any more. */
async function readEach(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  take: (bytes: Uint8Array) => void,
): Promise<void> {
  const reader = stream.getReader();
  signal.addEventListener("abort", () => void reader.cancel().catch(() => {}));
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    take(value);
  }
}

async function collect(stream: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await readEach(stream, signal, (bytes) => void chunks.push(bytes));
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

/** Waits for the end of a process's output; if a child that outlives it holds that open, only for so long. */
async function endWithin<T>(
  limitMs: number,
  { reading, pipes }: { readonly reading: Promise<T>; readonly pipes: AbortController },
): Promise<T> {
  const timer = setTimeout(() => pipes.abort(), limitMs);
  try {
    return await reading;
  } finally {
    clearTimeout(timer);
  }
}

function command([program = "", ...args]: readonly string[], { env = {} }: CommandOptions): Deno.Command {
  return new Deno.Command(program, {
    args,
    clearEnv: true,
    env: { PATH, ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}
