import { assertEquals, assertRejects } from "@std/assert";
import { Body, createBodyDecoder } from "../../lib/http1/body.ts";
import { UpstreamError } from "../../lib/http1/error.ts";
import { toBytes } from "../../lib/http1/message.ts";
import type { Framing } from "../../lib/http1/message.ts";
import { Transport } from "../../lib/http1/transport.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import { latin1 } from "../support/latin1.ts";
import { test } from "../support/test.ts";

/** A body whose bytes come in these pieces, the first one with its head. */
async function bodyOf(framing: Framing, [first = "", ...later]: readonly string[]) {
  const clock = createVirtualClock();
  const sizes: number[] = [];
  const ends: boolean[] = [];
  const pieces = first === "" ? later : [first, ...later];
  let hangUp = () => {};
  const conn = {
    read(into: Uint8Array) {
      sizes.push(into.length);
      const piece = pieces.shift();
      if (piece === undefined) return new Promise<null>((resolve) => hangUp = () => resolve(null));
      into.set(toBytes(piece));
      return Promise.resolve(piece.length);
    },
    close: () => hangUp(),
  };
  const transport = new Transport(conn as unknown as Deno.Conn);
  if (first !== "") await transport.read();
  sizes.length = 0;
  const body = new Body({
    transport,
    decoder: createBodyDecoder(framing),
    deadlines: clock.deadlines,
    idleTimeoutMs: 1_000,
    onEnd: (complete) => ends.push(complete),
  });
  return { body, clock, ends, sizes, transport, hangUp: () => hangUp() };
}

async function pieceOf(body: Body): Promise<string | undefined> {
  const piece = await body.read();
  return piece && latin1(piece);
}

test("Body is taken whole once all of it has come, and its end is told once", async () => {
  const { body, ends, transport } = await bodyOf(5, ["hellonext"]);
  assertEquals(body.length, 5);
  assertEquals(latin1(body.takeWhole()!), "hello");
  assertEquals([body.takeWhole(), await body.read(), ends], [undefined, undefined, [true]]);
  body.cancel();
  assertEquals([ends, latin1(transport.bytes)], [[true], "next"]);
});

for (
  const [what, framing, text] of [
    ["that has not come", 6, "hello"],
    ["that is over already", 0, ""],
    ["in chunks", "chunked", "5\r\nhello\r\n0\r\n\r\n"],
    ["that ends with the connection", "close", "hello"],
  ] as const
) {
  test(`Body is not taken whole: one ${what}`, async () => {
    const { body, ends } = await bodyOf(framing, [text]);
    assertEquals([body.takeWhole(), ends], [undefined, framing === 0 ? [true] : []]);
    body.cancel();
    assertEquals(ends, [framing === 0]);
  });
}

test("Body gives pieces as they come, none of them empty", async () => {
  const { body, ends } = await bodyOf("chunked", ["", "5\r\n", "he", "llo\r\n", "0\r\n", "\r\n"]);
  assertEquals([await pieceOf(body), await pieceOf(body), ends], ["he", "llo", []]);
  assertEquals([await pieceOf(body), ends], [undefined, [true]]);
});

for (
  const [what, framing, size] of [
    ["of 16384 bytes in small pieces", 16_384, 16_384],
    ["of 16385 bytes in large ones", 16_385, 131_072],
    ["of unknown length in large ones", "chunked", 131_072],
  ] as const
) {
  test(`Body reads one ${what}`, async () => {
    const { body, sizes } = await bodyOf(framing, ["", framing === "chunked" ? "1\r\nx\r\n" : "x"]);
    assertEquals([await pieceOf(body), sizes[0]], ["x", size]);
    body.cancel();
  });
}

test("Body may take as long as it likes, as long as it never stands still for the idle timeout", async () => {
  const { body, clock, ends, transport } = await bodyOf(9, ["one", "two"]);
  assertEquals(await pieceOf(body), "one");
  await clock.run(5_000);
  assertEquals(await pieceOf(body), "two");
  const reading = assertRejects(() => body.read(), UpstreamError, "stood still for 1000 ms");
  await clock.run(999);
  assertEquals([transport.closed, ends], [false, []]);
  await clock.run(1);
  await reading;
  assertEquals([transport.closed, ends], [true, [false]]);
});

test("Body that is cut short fails, and is over", async () => {
  const { body, ends, hangUp } = await bodyOf(9, ["one"]);
  await pieceOf(body);
  const reading = assertRejects(() => body.read(), UpstreamError);
  await null;
  hangUp();
  assertEquals([(await reading).kind, ends, await body.read()], ["cut_short", [false], undefined]);
});

test("Body that ends with the connection is complete then", async () => {
  const { body, ends, hangUp } = await bodyOf("close", ["one"]);
  await pieceOf(body);
  const reading = body.read();
  await null;
  hangUp();
  assertEquals([await reading, ends], [undefined, [true]]);
});
