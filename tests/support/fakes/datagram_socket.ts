/**
 * An imaginary UDP socket.
 *
 * @module
 */

import type { DatagramSocket, Endpoint } from "../../../lib/dhcp/exchange.ts";

/** A socket that receives what it is given. */
export interface FakeSocket extends DatagramSocket {
  deliver(bytes: Uint8Array, from?: unknown): void;
}

/** What becomes of what a socket does. */
export interface SocketOptions {
  /** Whether it can be sent: it throws if not. */
  readonly onSend: (bytes: Uint8Array, to: Endpoint) => void;
  readonly onReceive?: (buffer: Uint8Array) => void;
  readonly onClose: () => void;
}

/** Creates a socket. */
export function createSocket({ onSend, onReceive, onClose }: SocketOptions): FakeSocket {
  const queue: (readonly [Uint8Array, unknown])[] = [];
  let waiting: PromiseWithResolvers<readonly [Uint8Array, unknown]> | undefined;
  return {
    // deno-lint-ignore require-await
    async send(bytes, to) {
      onSend(bytes, to);
      return bytes.length;
    },
    receive(buffer) {
      onReceive?.(buffer);
      const datagram = queue.shift();
      if (datagram !== undefined) return Promise.resolve(datagram);
      waiting = Promise.withResolvers();
      return waiting.promise;
    },
    deliver(bytes, from) {
      if (waiting === undefined) return void queue.push([bytes, from]);
      waiting.resolve([bytes, from]);
      waiting = undefined;
    },
    close() {
      onClose();
      waiting?.reject(new Error("closed"));
    },
  };
}
