/**
 * The daemon's log: the format that suits its destination, the memory of its last troubles, and reopening.
 *
 * @module
 */

import type { Log, LogFormat, LogLevel } from "../telemetry/log.ts";
import { createLog } from "../telemetry/log.ts";
import type { LogSink } from "./log_sink.ts";
import { openLogSink, STANDARD_OUTPUT } from "./log_sink.ts";
import type { RecentEvent } from "../telemetry/recent.ts";
import { rememberRecent } from "../telemetry/recent.ts";

/** How and where to log. */
export interface LogOptions {
  readonly level: LogLevel;
  readonly format: Exclude<LogFormat, "journal">;
  /** A path, or `-` for standard output. */
  readonly file: string;
}

/** An open log. */
export interface OpenLog {
  readonly log: Log;
  /** The last warnings and errors, oldest first. */
  readonly recent: () => readonly RecentEvent[];
  /** Opens the log file anew, as after logrotate moved it; stays with what there is, and says so, if that fails. */
  readonly reopen: () => void;
  readonly close: () => void;
}

/**
 * Opens the log. A file that cannot be opened is replaced by standard output: a VM must boot without its log. Lines that
 * cannot be written are counted, and that is said behind the first that can.
 */
export function openLog(config: LogOptions): OpenLog {
  let sink: LogSink;
  /** Why standard output stands in for the file. */
  let problem: unknown;
  try {
    sink = openLogSink(config.file);
  } catch (error) {
    problem = error;
    sink = openLogSink(STANDARD_OUTPUT);
  }
  const toJournal = config.format === "text" && config.file === STANDARD_OUTPUT && readsJournal();
  const format = toJournal ? "journal" : config.format;
  let lost = 0;
  const write = (line: string) => {
    if (!sink.write(line)) lost += 1;
    else if (lost > 0) {
      const count = lost;
      lost = 0;
      log.warn("lines of the log were lost", { count });
    }
  };
  const { log, events } = rememberRecent(createLog(write, { level: config.level, format }));
  const sayStandIn = (error: unknown) => log.warn("logging to standard output instead", { error });
  if (problem !== undefined) sayStandIn(problem);

  return {
    log,
    recent: events,
    reopen() {
      try {
        const next = openLogSink(config.file);
        sink.close();
        sink = next;
        problem = undefined;
      } catch (error) {
        if (problem === undefined) log.warn("keeping the old log file", { error });
        else sayStandIn(error);
      }
    },
    close: () => sink.close(),
  };
}

/** Tells whether standard output is the journal's (systemd.exec(5), `JOURNAL_STREAM`). */
function readsJournal(): boolean {
  return Deno.env.get("JOURNAL_STREAM") !== undefined && !Deno.stdout.isTerminal();
}
