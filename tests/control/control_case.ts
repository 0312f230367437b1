/**
 * A service on a control socket of the test's own, and what the commands print.
 *
 * @module
 */

import { serveControl } from "../../lib/control/control_server.ts";
import type { StatusDocument } from "../../lib/control/status.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { test } from "../support/test.ts";

const ROUTER = {
  kind: "router",
  address: "10.1.1.1",
  source: "dhcp",
  interface: "eth0",
  identity: "i-2-10-VM",
  since: "2026-11-25T04:00:00.000Z",
  searchMs: 12,
  confirmedAt: "2026-11-25T04:00:00.000Z",
} as const;

/** What a service in this state says of itself. */
export function documentOf(state: StatusDocument["state"], metadata = "169.254.169.254:39724"): StatusDocument {
  return {
    version: 1,
    program: {
      name: "mdproxy4cs",
      version: "2.1.0",
      commit: "c",
      deno: "2.9.6",
      target: "t",
      pid: 1,
      startedAt: "2026-11-25T04:00:00.000Z",
    },
    state,
    router: state === "searching" ? null : ROUTER,
    lastFailedSearch: null,
    lastProblems: [],
    requests: { inFlight: 0, answered: {}, upstreamErrors: {} },
    cache: {},
    listeners: { metadata, admin: null, control: null },
  };
}

/** A place for a service, and what the commands said. */
export interface Case {
  readonly socketPath: string;
  readonly out: string[];
  readonly said: string[];
  readonly logged: string[];
  readonly environment: { socketPath: string; write: (text: string) => void; say: (line: string) => void };
  /** Starts a service that is as the test says. */
  start(status: StatusDocument, options?: { readonly look?: () => void }): {
    readonly isListening: boolean;
    /** Has it look whether its socket is there. */
    renew(): Promise<void>;
    set(status: StatusDocument): void;
    /** How often the service was asked for its status. */
    described(): number;
    close(): Promise<void>;
  };
}

/** Registers a test with a place of its own. */
export function controlTest(name: string, run: (at: Case) => Promise<void>): void {
  test(name, async () => {
    const folder = await Deno.makeTempDir();
    const socketPath = `${folder}/control.sock`;
    const [out, said, logged]: string[][] = [[], [], []];
    const log = createLog((line) => void logged!.push(line), { level: "debug", format: "text" });
    const closers: (() => Promise<void>)[] = [];
    try {
      await run({
        socketPath,
        out: out!,
        said: said!,
        logged: logged!,
        environment: { socketPath, write: (text) => void out!.push(text), say: (line) => void said!.push(line) },
        start(status, { look = () => {} } = {}) {
          let current = status;
          let described = 0;
          const server = serveControl(socketPath, {
            describe: () => (described++, current),
            look: () => Promise.resolve(look()),
            log,
          });
          closers.push(server.close);
          return {
            get isListening() {
              return server.isListening;
            },
            renew: server.renew,
            set(next) {
              current = next;
              server.changed();
            },
            described: () => described,
            close: server.close,
          };
        },
      });
    } finally {
      for (const close of closers) await close().catch(() => {});
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** A signal that never aborts. */
export const forever = () => new AbortController().signal;
