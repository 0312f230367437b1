/**
 * A DHCP server that answers each type of message with a packet out of `tests/testdata/replies`, or with one that is given as
 * hex in the same form. An OFFER goes to everyone, an ACK to where the INFORM came from.
 *
 * @module
 */

import { fillReply, readReplies } from "../../dhcp/read_replies.ts";
import { decodeMessage } from "../../../lib/dhcp/message.ts";
import { OPTION, readByte } from "../../../lib/dhcp/options.ts";
import { MESSAGE_TYPE } from "../../../lib/dhcp/transaction.ts";
import type { MessageType } from "../../../lib/dhcp/transaction.ts";
import type { Host } from "../net/network.ts";
import type { Process } from "../net/process.ts";
import { startScript } from "../net/script.ts";

/** What it answers, by the type of the message: a file's name, or the templates themselves. */
export type Packets = string | Partial<Record<MessageType, string>>;

/** Starts the server in a host that has this address on `eth0`. */
export async function startPacketServer(host: Host, address: string, packets: Packets): Promise<Process> {
  const templates = typeof packets === "string" ? readReplies(packets) : packets;
  const process = startScript(host, "servers/packet_server.ts", [address, JSON.stringify(templates)]);
  await process.waitForLine(/^answering$/);
  return process;
}

async function answerAll(address: string, templates: Partial<Record<MessageType, string>>): Promise<void> {
  const ears = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 67 });
  const mouth = Deno.listenDatagram({ transport: "udp", hostname: address, port: 0 });
  console.log("answering");
  for await (const [bytes, from] of ears) {
    const { xid, chaddr, ciaddr, options } = decodeMessage(bytes);
    const type = readByte(options, OPTION.messageType) === MESSAGE_TYPE.inform ? "inform" : "discover";
    const template = templates[type];
    if (template === undefined) continue;
    const reply = fillReply(template, { xid, client: { name: "", mac: chaddr, address: ciaddr } });
    const everyone = { transport: "udp", hostname: "255.255.255.255", port: 68 } as const;
    await mouth.send(reply, type === "discover" ? everyone : from);
  }
}

if (import.meta.main) await answerAll(Deno.args[0]!, JSON.parse(Deno.args[1]!));
