import { assertEquals } from "@std/assert";
import { createAdminHandler } from "../../lib/admin/admin.ts";
import { test } from "../support/test.ts";

function ask(path: string, options: { ready?: boolean; host?: string; method?: string } = {}): Response {
  const { ready = true, host = "127.0.0.1:39725", method = "GET" } = options;
  const handler = createAdminHandler({
    metrics: () => "up 1\n",
    ready: () => ready,
    status: () => ({ state: "ready" }),
  });
  return handler(new Request(`http://127.0.0.1:39725${path}`, { method, headers: { host } }));
}

test("createAdminHandler answers each page with its type", async () => {
  const table: [string, number, string, string][] = [
    ["/metrics", 200, "text/plain; version=0.0.4; charset=utf-8", "up 1\n"],
    ["/healthz", 200, "text/plain; charset=utf-8", "ok\n"],
    ["/readyz", 200, "text/plain; charset=utf-8", "ready\n"],
    ["/status", 200, "application/json", '{\n  "state": "ready"\n}\n'],
    ["/status?x=1", 200, "application/json", '{\n  "state": "ready"\n}\n'],
    ["/", 404, "text/plain; charset=utf-8", "not found; try /metrics, /healthz, /readyz or /status\n"],
  ];
  for (const [path, status, type, body] of table) {
    const response = ask(path);
    assertEquals([response.status, response.headers.get("content-type"), await response.text()], [status, type, body]);
  }
});

test("createAdminHandler is not ready without a router", () => {
  assertEquals(ask("/readyz", { ready: false }).status, 503);
  assertEquals(ask("/healthz", { ready: false }).status, 200);
});

test("createAdminHandler refuses foreign hosts and methods", () => {
  assertEquals(ask("/status", { host: "evil.example" }).status, 421);
  assertEquals(ask("/status", { host: "127.0.0.1.evil.example" }).status, 421);
  assertEquals(ask("/status", { host: "localhost" }).status, 200);
  const response = ask("/metrics", { method: "POST" });
  assertEquals([response.status, response.headers.get("allow")], [405, "GET, HEAD"]);
});
