/**
 * Ways for a web server to go wrong, by the path of the request that brings them about.
 *
 * @module
 */

import type { Heard } from "./scripted_server.ts";
import { pause } from "../pause.ts";

/** What is done after the request's head was read; then the connection is closed. */
export type Fault = (heard: Heard, times: number) => Promise<unknown>;

/** A request that begins like this has its connection reset. */
export const RESETS = /^\w+ \/latest\/reset /;

/** By path. `times` is how often it was asked for, with this time. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  "/latest/close": () => Promise.resolve(),
  "/latest/hang": ({ closed }) => closed,
  "/latest/half-a-head": ({ write }) => write("HTTP/1.1 200 OK\r\nContent-Len"),
  "/latest/half-a-head-then-nothing": ({ write, closed }) => write("HTTP/1.1 200 OK\r\nContent-Len").then(() => closed),
  "/latest/garbage": ({ write }) => write("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no HTTP at all\r\n\r\n"),
  "/latest/banner-then-nothing": ({ write, closed }) => write("SSH-2.0-OpenSSH_9.2p1\r\n").then(() => closed),
  "/latest/bare-lf-then-nothing": ({ write, closed }) =>
    write("HTTP/1.1 200 OK\nContent-Length: 4\n\nfine").then(() => closed),
  "/latest/100-fields": ({ write }) => write(withFields(100)),
  "/latest/101-fields": ({ write }) => write(withFields(101)),
  "/latest/hop-by-hop": ({ write }) => write(hopByHop("fine")),
  "/latest/hop-by-hop-large": ({ write }) => write(hopByHop("x".repeat(100_000))),
  "/latest/many-fields": ({ write }) => write(`HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(3_900)}\r\n`),
  "/latest/huge-head": ({ write }) => write(`HTTP/1.1 200 OK\r\nX-Huge: ${"x".repeat(1024 * 1024)}\r\n\r\n`),
  "/latest/cut-short": ({ write }) => write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this"),
  "/latest/cut-short-large": ({ write }) =>
    write(`HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${"only this".repeat(10_000)}`),
  "/latest/cut-short-behind-its-head": ({ write }) => write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
  "/latest/cut-short-chunk": ({ write }) =>
    write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\nonly this"),
  "/latest/broken-chunk": ({ write }) =>
    write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nonly this\r\n0\r\n\r\n"),
  "/latest/stalled": ({ write, closed }) =>
    write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this").then(() => closed),
  "/latest/two-lengths": ({ write }) =>
    write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\nonly this"),
  "/latest/too-long": ({ write }) =>
    write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine and then some more than was said"),
  "/latest/chunks-of-one-byte": ({ write }) =>
    write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(60_000)}0\r\n\r\n`),
  "/latest/endless": ({ write }) => endlessly(write, "HTTP/1.1 200 OK\r\n\r\n"),
  "/latest/endless-head": ({ write }) => endlessly(write, "HTTP/1.1 200 OK\r\nX: "),
  "/latest/gzip-bomb": async ({ write }) => {
    const body = await bomb();
    await write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`);
    await write(body);
  },
  "/latest/drip": async ({ write }) => {
    await write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nf");
    for (const byte of "ine") await pause(1_000).then(() => write(byte));
  },
  "/latest/late": ({ write }, times) =>
    pause(2_000).then(() => write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${times}`)),
  "/latest/busy-for-a-moment": ({ write }, times) =>
    write(times <= 2 ? BUSY : "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"),
  "/latest/always-busy": ({ write }) => write(BUSY),
};

const BUSY = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\n\r\n<h1>no</h1>";

/** An answer with so many fields, its length among them. */
function withFields(count: number): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: 4\r\n${"A: b\r\n".repeat(count - 1)}\r\nfine`;
}

/** An answer that brings all that concerns its own connection alone. */
function hopByHop(body: string): string {
  const fields =
    "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=7\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\n" +
    "Proxy-Connection: close\r\nTE: trailers\r\nTrailer: X-Last\r\nTransfer-Encoding: chunked\r\nX-Passes: yes\r\n";
  const chunk = `${body.length.toString(16)};x=extension\r\n${body}\r\n`;
  return `HTTP/1.1 200 OK\r\n${fields}\r\n${chunk}0;x=extension\r\nX-Last: 1\r\n\r\n`;
}

/** Writes until the other side has enough of it. */
async function endlessly(write: Heard["write"], head: string): Promise<never> {
  await write(head);
  const piece = new Uint8Array(65_536).fill(0x61);
  for (;;) await write(piece);
}

/** 64 MiB of nothing, packed, once: it takes a second. */
function bomb(): Promise<Uint8Array> {
  return packedBomb ??= new Response(
    new Blob([new Uint8Array(64 * 1_048_576)]).stream().pipeThrough(new CompressionStream("gzip")),
  ).bytes();
}

let packedBomb: Promise<Uint8Array> | undefined;
