import { assertEquals } from "@std/assert";
import { latin1 } from "../../../lib/http1/message.ts";
import { encodeInnerHead } from "../../../lib/proxy/gate/inner_pool.ts";
import { CARRIER, carry, fromInner } from "../../../lib/proxy/gate/response.ts";
import { test } from "../../support/test.ts";

const HEAD = { method: "GET", target: "/a", minor: 1, persistent: true } as const;

test("encodeInnerHead leaves out what concerns the client's connection only", () => {
  const headers = [
    ...[["host", "x"], ["upgrade", "h2c"], ["http2-settings", "AAM"], ["content-length", "0"], ["keep-alive", "5"]],
    ...[["connection", "Upgrade, HTTP2-Settings"], ["connection", "close, X-Kept"], ["x-kept", "y"]],
  ] as [string, string][];
  assertEquals(
    latin1(encodeInnerHead({ ...HEAD, headers })),
    "GET /a HTTP/1.1\r\nhost: x\r\nconnection: X-Kept\r\nx-kept: y\r\n\r\n",
  );
});

test("fromInner gives back what was carried as it was, and of what the runtime adds only what is not said", () => {
  const carried: [string, string][] = [
    ...[["vary", "Accept"], ["x", "a"], ["x", "b\tc\t\td"], ["empty", ""], ["y", "\xe9"]] as [string, string][],
  ];
  const lines = "vary: Accept\r\nx: a\r\nx: b\tc\t\td\r\nempty: \r\ny: \xe9\r\n";
  const added: [string, string][] = [["vary", "Accept-Encoding"], ["keep-alive", "5"], ["connection", "close"]];
  assertEquals(
    fromInner([[CARRIER, carry(carried)], ...added, ["content-length", "4"]]),
    `${lines}content-length: 4\r\n`,
  );
  assertEquals(
    fromInner([[CARRIER, carry([["date", "D"], ["content-length", "9"]])], ["content-length", "0"], ["date", "N"]]),
    "date: D\r\ncontent-length: 9\r\n",
  );
  assertEquals(fromInner([[CARRIER, carry([["x-date", "D"]])], ["date", "N"]]), "x-date: D\r\ndate: N\r\n");
  assertEquals(fromInner([[CARRIER, carry([])], ["transfer-encoding", "chunked"]]), "transfer-encoding: chunked\r\n");
});

test("fromInner passes an answer of the server's own without what concerns the inner connection", () => {
  assertEquals(
    fromInner([["x", "y"], ["connection", "close"], ["keep-alive", "5"], ["date", "N"]]),
    "x: y\r\ndate: N\r\n",
  );
});
