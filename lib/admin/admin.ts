/**
 * Shows operators and monitoring how the program is, on a port of its own: `/metrics`, `/healthz`, `/readyz`, `/status`.
 *
 * States what it needs to know of the rest, and is handed it.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { toPrintableJson } from "../telemetry/log.ts";

/** What the admin port tells. */
export interface AdminView {
  /** Every metric in the Prometheus exposition format. */
  readonly metrics: () => Promise<string>;
  /** Why metadata cannot be had now, in a few words; `undefined` if they can. */
  readonly whyNotReady: () => Promise<string | undefined>;
  /** What `/status` shows, as plain data. */
  readonly status: () => Promise<unknown>;
}

/** What a page is asked with, as far as it matters. */
export interface PageRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

const PAGES: Readonly<Record<string, (view: AdminView) => Response | Promise<Response>>> = {
  "/metrics": async (view) => text(await view.metrics(), { type: "text/plain; version=0.0.4; charset=utf-8" }),
  "/healthz": () => text("ok\n"),
  "/readyz": async (view) => {
    const why = await view.whyNotReady();
    return why === undefined ? text("ready\n") : text(`${why}\n`, { status: STATUS_CODE.ServiceUnavailable });
  },
  "/status": async (view) => text(toPrintableJson(await view.status()), { type: "application/json" }),
};

/** Creates the handler of the admin port. */
export function createAdminHandler(view: AdminView): (request: PageRequest) => Promise<Response> {
  return async ({ method, target, headers }) => {
    // A page in a browser may resolve a name of its own to loopback (DNS rebinding): it would send that name.
    const host = headers.find(([name]) => name === "host")?.[1] ?? "localhost";
    if (!LOOPBACK_HOST.test(host)) return new Response(null, { status: STATUS_CODE.MisdirectedRequest });
    if (method !== "GET" && method !== "HEAD") {
      return new Response(null, { status: STATUS_CODE.MethodNotAllowed, headers: { allow: "GET, HEAD" } });
    }
    const path = target.replace(/^http:\/\/[^/?#]*/i, "").replace(/[?#].*$/s, "");
    const page = Object.hasOwn(PAGES, path)
      ? PAGES[path]!
      : () => text("not found; try /metrics, /healthz, /readyz or /status\n", { status: STATUS_CODE.NotFound });
    return await page(view);
  };
}

const encoder = new TextEncoder();

function text(body: string, options: { readonly status?: number; readonly type?: string } = {}): Response {
  const { status = STATUS_CODE.OK, type = "text/plain; charset=utf-8" } = options;
  const bytes = encoder.encode(body);
  const headers = { "content-type": type, "cache-control": "no-store", "content-length": `${bytes.length}` };
  return new Response(bytes, { status, headers });
}
