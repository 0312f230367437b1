import { assertEquals } from "@std/assert";
import type { Header } from "../../../lib/http1/message.ts";
import { fromInner } from "../../../lib/proxy/gate/response.ts";
import { test } from "../../support/test.ts";

const ADDED: readonly Header[] = [["vary", "Accept-Encoding"], ["keep-alive", "5"], ["connection", "close"]];

test("fromInner gives what passes as it is, and of what the runtime adds only what is not said", () => {
  const passed: readonly Header[] = [["vary", "Accept"], ["x", "a"], ["x", "b\tc"], ["empty", ""], ["y", "\xe9"]];
  const length: Header = ["content-length", "4"];
  assertEquals(fromInner({ headers: [...ADDED, length], passed }), [...passed, length]);
  const said: readonly Header[] = [["date", "D"], ["content-length", "9"]];
  assertEquals(fromInner({ headers: [["content-length", "0"], ["date", "N"]], passed: said }), said);
  assertEquals(fromInner({ headers: [["date", "N"]], passed: [["x-date", "D"]] }), [["x-date", "D"], ["date", "N"]]);
  const coded: Header = ["transfer-encoding", "chunked"];
  assertEquals(fromInner({ headers: [coded], passed: [] }), [coded]);
});

test("fromInner passes an answer of the server's own without what concerns the inner connection", () => {
  assertEquals(fromInner({ headers: [["x", "y"], ...ADDED, ["date", "N"]] }), [["x", "y"], ADDED[0]!, ["date", "N"]]);
});
