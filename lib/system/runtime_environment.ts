/**
 * The environment that Deno itself reads, beside the program and unasked: a listener can be moved, a debugger attached, the
 * permissions be judged by somebody else. What it reads late is taken away, what it has obeyed already is told.
 *
 * The unit unsets them all (`UnsetEnvironment=`); this is for a program that is started otherwise.
 *
 * @module
 */

/** Read when a server starts, so that the program is still in time. Seen with 2.4.2 and 2.9.6. */
export const READ_LATE = [
  "DENO_SERVE_ADDRESS",
  "DENO_TRUST_PROXY_HEADERS",
  "DENO_SERVE_AUTOMATIC_COMPRESSION",
] as const;

/** Obeyed before the program's first line, and what each does then. Seen with 2.9.6; 2.4.2 obeys fewer. */
export const READ_EARLY = {
  DENO_PERMISSION_BROKER_PATH: "has another program judge what this one may do",
  DENO_UNSTABLE_CONTROL_SOCK: "has another program control this one",
  DENO_CONNECTED: "connects to a service of Deno's maker",
  NODE_OPTIONS: "can open a debugger's port",
  NODE_CHANNEL_FD: "has another program control this one",
  OTEL_DENO: "sends what happens here to another program",
  DENO_AUDIT_PERMISSIONS: "writes a file",
  DENO_COVERAGE_DIR: "writes files",
  DENO_SNAPSHOT_IMPORT_GRAPH: "writes a file",
  DENO_V8_FLAGS: "can have the engine write files",
  DENO_STARTUP_PHASES: "writes to the log",
  DENO_LOG_LAZY_LOAD: "writes to the log",
  DENO_TOKIO_METRICS: "writes to the log",
  DENO_LOG: "writes to the log what must not be in it",
} as const;

/** Every variable of the runtime that the program reads to refuse it, or takes away. */
export const RUNTIME_VARIABLES: readonly string[] = [...READ_LATE, ...Object.keys(READ_EARLY)];

/** The environment, as far as it matters here. */
export type Environment = Pick<Deno.Env, "get" | "delete">;

/** Takes away what has not been read yet. To be called before the first server starts. */
export function dropLateVariables(environment: Environment = Deno.env): void {
  for (const name of READ_LATE) environment.delete(name);
}

/** Says what has been obeyed already, a clause each: `NODE_OPTIONS, which can open a debugger's port`. */
export function findEarlyVariables(environment: Pick<Environment, "get"> = Deno.env): string[] {
  return Object.entries(READ_EARLY)
    .filter(([name]) => environment.get(name))
    .map(([name, effect]) => `${name}, which ${effect}`);
}
