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
  readonly env?: Readonly<Record<string, string>>;
  /** What the command reads; a process started by `startProcess` keeps its standard input open instead. */
  readonly input?: string;
}

/** A process that runs until it is stopped. */
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

/** The environment every command gets. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Runs a command to its end.
 *
 * @throws {Error} If it does not end within twice the test's patience: curl and others have limits of their own.
 */
export async function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<Output> {
  const child = command(argv, options).spawn();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, 2 * PATIENCE_MS);
  const writer = child.stdin.getWriter();
  // A command that does not read its input closes it early: its exit code says whether that is a failure.
  await writer.write(new TextEncoder().encode(options.input ?? "")).then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  if (timedOut) throw new Error(`${argv.join(" ")} did not end`);
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr), bytes: stdout };
}

/** Starts a process and reads all it writes. */
export function startProcess(argv: readonly string[], options: CommandOptions = {}): Process {
  const child = command(argv, options).spawn();
  const stdin = child.stdin.getWriter();
  const lines: string[] = [];
  const wakers = new Set<() => void>();
  const read = async (stream: ReadableStream<Uint8Array>) => {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      lines.push(...parts);
      wakers.forEach((wake) => wake());
    }
    if (rest !== "") lines.push(rest);
  };
  let running = true;
  const ended = Promise.all([child.status, read(child.stdout), read(child.stderr)]).then(async ([status]) => {
    running = false;
    wakers.forEach((wake) => wake());
    await stdin.close().catch(() => {});
    return status;
  });
  const kill = (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch (error) {
      // It ended by itself a moment ago.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  };

  const self: Process = {
    pid: child.pid,
    lines,
    ended,

    waitForLine(pattern, { from = 0, timeoutMs = PATIENCE_MS } = {}) {
      return new Promise((resolve, reject) => {
        let next = from;
        const finish = (settle: () => void) => {
          clearTimeout(timer);
          wakers.delete(look);
          settle();
        };
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
      await self.stop();
    },
  };
  return self;
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
