import { assertEquals, assertThrows } from "@std/assert";
import type { Header } from "../../lib/http1/message.ts";
import { encodeRequestHead } from "../../lib/http1/message.ts";
import { latin1 } from "../support/latin1.ts";
import { test } from "../support/test.ts";

const encode = (target: string, headers: readonly Header[] = []) =>
  latin1(encodeRequestHead({ method: "GET", target, headers }, "10.1.1.1"));

test("encodeRequestHead writes the request as a direct client would", () => {
  assertEquals(
    encode("/latest/vm-id?a=b", [["accept", "*/*"], ["x-empty", ""]]),
    "GET /latest/vm-id?a=b HTTP/1.1\r\nHost: 10.1.1.1\r\naccept: */*\r\nx-empty: \r\n\r\n",
  );
});

test("encodeRequestHead writes one byte for each character", () => {
  assertEquals(encode("/", [["x", "caf\xe9\xff"]]).includes("x: caf\xe9\xff\r\n"), true);
});

for (
  const target of ["", "latest", "*", "http://10.1.1.1/", "10.1.1.1:80", "/a b", "/a\r\nX: y", "/a#b", "/\xe9", "/\0"]
) {
  test(`encodeRequestHead refuses the target ${JSON.stringify(target)}`, () => {
    assertThrows(() => encode(target), TypeError);
  });
}

const IMPROPER: readonly Header[] = [
  ["", "x"],
  ["x y", "z"],
  ["x:", "y"],
  ["x", "y\r\nz: w"],
  ["x", "y\nz"],
  ["x", "\0"],
  ["x", "\u0100"],
];

for (const header of IMPROPER) {
  test(`encodeRequestHead refuses the header ${JSON.stringify(header)}`, () => {
    assertThrows(() => encode("/", [header]), TypeError);
  });
}
