/**
 * The DHCP side of the scripted router: answers the guests it knows, as dnsmasq does there (RFC 2131 section 4.3).
 *
 * @module
 */

import { decodeMessage, encodeMessage } from "../../../lib/dhcp/message.ts";
import type { Message } from "../../../lib/dhcp/message.ts";
import { encodeAddress, OPTION, readByte } from "../../../lib/dhcp/options.ts";
import { MESSAGE_TYPE } from "../../../lib/dhcp/transaction.ts";
import type { Reservation } from "./dhcp.ts";

/** A guest with a reserved address. */
export type Guest = Pick<Reservation, "mac" | "address">;

/** A DHCP server at work. */
interface DhcpResponder {
  /** Whether it ignores all it hears. */
  silent: boolean;
  close(): Promise<void>;
}

const TYPE = { ...MESSAGE_TYPE, request: 3 } as const;
const LEASE_TIME = 51;
const INFINITE = Uint8Array.of(255, 255, 255, 255);
const NOWHERE = "0.0.0.0";

/** Creates a DHCP server on the interface that has `address`; one with `names` gives an answer by each, and offers each. */
export function createDhcpResponder(
  { address, gateway, guests, names }: {
    readonly address: string;
    readonly gateway: string;
    readonly guests: readonly Guest[];
    readonly names?: readonly string[] | undefined;
  },
  report: (line: string) => void,
): DhcpResponder {
  const listen = (hostname: string) =>
    Deno.listenDatagram({ transport: "udp", hostname, port: 67, reuseAddress: true });
  // Broadcasts are heard by the first; the second hears what is sent to the router itself, and answers from its address.
  const ears = listen(NOWHERE);
  const mouth = listen(address);

  const answer = async (bytes: Uint8Array, from: Deno.NetAddr) => {
    const question = decodeMessage(bytes);
    const guest = guests.find(({ mac }) => mac === question.chaddr);
    const type = readByte(question.options, OPTION.messageType);
    const reply = type === TYPE.discover
      ? TYPE.offer
      : type === TYPE.inform || type === TYPE.request
      ? TYPE.ack
      : undefined;
    report(`heard ${nameOf(type)} from ${question.chaddr}`);
    if (self.silent || guest === undefined || reply === undefined) return;

    const isInform = type === TYPE.inform;
    const to = isInform
      ? from
      : { ...from, hostname: question.ciaddr === NOWHERE ? "255.255.255.255" : question.ciaddr };
    for (const name of names ?? [undefined]) {
      const offered = isInform ? NOWHERE : name ?? guest.address;
      await mouth.send(encodeMessage(compose(question, reply, { yiaddr: offered, server: name ?? address })), to);
    }
    report(`said ${nameOf(reply)} to ${guest.mac}`);
  };
  const compose = (
    question: Message,
    type: number,
    { yiaddr, server }: { yiaddr: string; server: string },
  ): Message => ({
    ...question,
    op: 2,
    yiaddr,
    siaddr: address,
    options: new Map([
      [OPTION.messageType, Uint8Array.of(type)],
      [OPTION.serverIdentifier, encodeAddress(server)],
      ...(yiaddr === NOWHERE ? [] : [[LEASE_TIME, INFINITE] as const]),
      [OPTION.subnetMask, encodeAddress("255.255.255.0")],
      [OPTION.routers, encodeAddress(gateway)],
    ]),
  });
  const listening = [ears, mouth].map(async (socket) => {
    for await (const [bytes, from] of socket) {
      await answer(bytes, from as Deno.NetAddr).catch((error) => report(`failed: ${error.message}`));
    }
  });

  const self: DhcpResponder = {
    silent: false,
    async close() {
      ears.close();
      mouth.close();
      await Promise.all(listening);
    },
  };
  return self;
}

function nameOf(type: number | undefined): string {
  const [name] = Object.entries(TYPE).find(([, value]) => value === type) ?? ["something else"];
  return `DHCP${name.toUpperCase()}`;
}
