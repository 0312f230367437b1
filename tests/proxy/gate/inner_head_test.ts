import { assertEquals } from "@std/assert";
import { latin1 } from "../../../lib/http1/fields.ts";
import { encodeInnerHead, fromInner } from "../../../lib/proxy/gate/inner_head.ts";
import { disguise } from "../../../lib/proxy/server/exact_body.ts";
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

test("fromInner gives back the fields that travelled under other names, and drops what the runtime made of them", () => {
  for (
    const headers of [[["vary", "Accept"], ["cache-control", "max-age=5"], ["x", "y"]], [["x", "y"]]] as [
      string,
      string,
    ][][]
  ) {
    assertEquals(fromInner([...disguise(headers), ["vary", "Accept-Encoding"]]), headers);
    assertEquals(fromInner([...headers, ["connection", "close"], ["keep-alive", "5"]]), headers);
  }
});
