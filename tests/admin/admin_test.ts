import { assertEquals } from "@std/assert";
import { createAdminHandler } from "../../lib/admin/admin.ts";
import { test } from "../support/test.ts";

async function ask(
  target: string,
  options: { readonly why?: string; readonly host?: string; readonly method?: string } = {},
) {
  const { why, host = "127.0.0.1:39725", method = "GET" } = options;
  const handler = createAdminHandler({
    metrics: () => Promise.resolve("up 1\n"),
    whyNotReady: () => Promise.resolve(why),
    status: () => Promise.resolve({ state: "ready" }),
  });
  const response = await handler({ method, target, headers: [["host", host]] });
  const { status, headers } = response;
  return { status, header: (name: string) => headers.get(name), text: await response.text() };
}

test("createAdminHandler answers each page with its type", async () => {
  const table: [string, number, string, string][] = [
    ["/metrics", 200, "text/plain; version=0.0.4; charset=utf-8", "up 1\n"],
    ["/healthz", 200, "text/plain; charset=utf-8", "ok\n"],
    ["/readyz", 200, "text/plain; charset=utf-8", "ready\n"],
    ["/status", 200, "application/json", '{\n  "state": "ready"\n}\n'],
    ["/status?x=1", 200, "application/json", '{\n  "state": "ready"\n}\n'],
    ["http://127.0.0.1:39725/healthz", 200, "text/plain; charset=utf-8", "ok\n"],
    ["/toString", 404, "text/plain; charset=utf-8", "not found; try /metrics, /healthz, /readyz or /status\n"],
    ["/", 404, "text/plain; charset=utf-8", "not found; try /metrics, /healthz, /readyz or /status\n"],
  ];
  for (const [path, status, type, body] of table) {
    const response = await ask(path);
    assertEquals([response.status, response.header("content-type"), response.text], [status, type, body], path);
  }
});

test("createAdminHandler says why it is not ready", async () => {
  const { status, text } = await ask("/readyz", { why: "no router" });
  assertEquals([status, text], [503, "no router\n"]);
  assertEquals((await ask("/healthz", { why: "no router" })).status, 200);
});

test("createAdminHandler refuses foreign hosts and methods", async () => {
  assertEquals((await ask("/status", { host: "evil.example" })).status, 421);
  assertEquals((await ask("/status", { host: "127.0.0.1.evil.example" })).status, 421);
  assertEquals((await ask("/status", { host: "localhost" })).status, 200);
  const response = await ask("/metrics", { method: "POST" });
  assertEquals([response.status, response.header("allow")], [405, "GET, HEAD"]);
});
