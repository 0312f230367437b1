import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { UpstreamError } from "../../lib/http1/error.ts";
import { toBytes } from "../../lib/http1/message.ts";
import { Transport } from "../../lib/http1/transport.ts";
import { latin1 } from "../support/latin1.ts";
import { test } from "../support/test.ts";

/** A connection that brings these texts, takes so many bytes at once, and notes the buffers that it was given. */
function connectionOf(texts: string[], { takes = Infinity } = {}) {
  const seen = { buffers: [] as ArrayBufferLike[], written: "", closed: 0 };
  const conn = {
    read(into: Uint8Array) {
      seen.buffers.push(into.buffer);
      const text = texts.shift();
      if (text === undefined) return Promise.resolve(null);
      const now = text.slice(0, into.length);
      if (now.length < text.length) texts.unshift(text.slice(now.length));
      into.set(toBytes(now));
      return Promise.resolve(now.length);
    },
    write(bytes: Uint8Array) {
      const taken = bytes.subarray(0, takes);
      seen.written += latin1(taken);
      return Promise.resolve(taken.length);
    },
    close: () => void seen.closed++,
  };
  return { seen, transport: new Transport(conn as unknown as Deno.Conn) };
}

test("Transport reads behind what was not taken yet, and over what was", async () => {
  const { transport } = connectionOf(["one", "two", "three"]);
  assertEquals([await transport.read(), await transport.read()], [true, true]);
  assertEquals([latin1(transport.bytes), transport.available], ["onetwo", 6]);
  transport.take(4);
  assertEquals(await transport.read(), true);
  assertEquals(latin1(transport.bytes), "wothree");
  transport.take(7);
  assertEquals([await transport.read(), transport.available], [false, 0]);
});

test("Transport holds as much as is not taken, whole, and grows for that only", async () => {
  const text = Array.from({ length: 6_000 }, (_, i) => `${i}`.padStart(5)).join("");
  const { transport, seen } = connectionOf([text]);
  while (await transport.read());
  assertEquals(latin1(transport.bytes), text);
  assertEquals([...new Set(seen.buffers)].map(({ byteLength }) => byteLength), [16_384, 32_768]);
});

test("Transport goes on in the same buffer when all that filled it was taken", async () => {
  const { transport, seen } = connectionOf(["x".repeat(16_384), "y"]);
  await transport.read();
  transport.take(16_384);
  await transport.read();
  assertEquals([latin1(transport.bytes), new Set(seen.buffers).size], ["y", 1]);
});

test("Transport changes the size of its buffer when it is empty, and only then", async () => {
  const { transport, seen } = connectionOf(["one", "two", "three"]);
  transport.expect(0);
  await transport.read();
  transport.expect(Infinity);
  await transport.read();
  assertEquals(latin1(transport.bytes), "onetwo");
  transport.take(6);
  transport.expect(16_384);
  await transport.read();
  assertEquals([...new Set(seen.buffers)].length, 1, "it had that size already");
  transport.take(5);
  transport.expect(16_385);
  await transport.read();
  assertEquals(seen.buffers.at(-1)?.byteLength, 131_072);
});

test("Transport writes all, in as many pieces as the other end takes", async () => {
  const { transport, seen } = connectionOf([], { takes: 3 });
  transport.write(toBytes("a request"));
  for (let turn = 0; turn < 10; turn++) await null;
  assertEquals(seen.written, "a request");
});

test("Transport is closed once, and its reader gets the reason; what the other end did is a reset", async () => {
  const { transport, seen } = connectionOf(["x"]);
  const reason = new Error("enough");
  const reading = transport.read();
  transport.close(reason);
  transport.close(new Error("later"));
  assertStrictEquals(await assertRejects(() => reading), reason);
  assertEquals([transport.closed, seen.closed], [true, 1]);
  const cause = new Error("ECONNRESET");
  const broken = new Transport({ read: () => Promise.reject(cause) } as unknown as Deno.Conn);
  const error = await assertRejects(() => broken.read(), UpstreamError);
  assertEquals([error.kind, error.cause], ["reset", cause]);
});
