/**
 * Answers those who watch the program, on a port of its own: `/metrics`, `/healthz`, `/readyz`, `/status`.
 *
 * States what it needs to know of the rest and imports none of it.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";

/** What the admin port tells. */
export interface AdminView {
  /** Every metric in the Prometheus exposition format. */
  readonly metrics: () => string;
  /** Whether a router is known and validated. */
  readonly ready: () => boolean;
  /** What `/status` shows, as plain data. */
  readonly status: () => unknown;
}

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

const PAGES: Readonly<Record<string, (view: AdminView) => Response>> = {
  "/metrics": (view) => text(view.metrics(), { type: "text/plain; version=0.0.4; charset=utf-8" }),
  "/healthz": () => text("ok\n"),
  "/readyz": (view) => view.ready() ? text("ready\n") : text("no router\n", { status: STATUS_CODE.ServiceUnavailable }),
  "/status": (view) => text(JSON.stringify(view.status(), undefined, 2) + "\n", { type: "application/json" }),
};

/** Creates the handler of the admin port. */
export function createAdminHandler(view: AdminView): (request: Request) => Response {
  return (request) => {
    // A page in a browser may resolve a name of its own to loopback (DNS rebinding): it would send that name.
    if (!LOOPBACK_HOST.test(request.headers.get("host") ?? "localhost")) {
      return new Response(null, { status: STATUS_CODE.MisdirectedRequest });
    }
    const page = PAGES[new URL(request.url).pathname];
    if (page === undefined) {
      return text("not found; try /metrics, /healthz, /readyz or /status\n", { status: STATUS_CODE.NotFound });
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response(null, { status: STATUS_CODE.MethodNotAllowed, headers: { allow: "GET, HEAD" } });
    }
    return page(view);
  };
}

function text(body: string, options: { readonly status?: number; readonly type?: string } = {}): Response {
  const { status = STATUS_CODE.OK, type = "text/plain; charset=utf-8" } = options;
  return new Response(body, { status, headers: { "content-type": type, "cache-control": "no-store" } });
}
