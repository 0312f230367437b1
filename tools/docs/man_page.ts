/**
 * The man page mdproxy4cs(8), in the man(7) macros.
 *
 * @module
 */

import type { PlainFlag } from "../../lib/config/commands.ts";
import { PLAIN_FLAGS } from "../../lib/config/commands.ts";
import type { Option } from "../../lib/config/options.ts";
import { OPTIONS, variableOf } from "../../lib/config/options.ts";

const BEFORE_OPTIONS = `\
.TH MDPROXY4CS 8 "" mdproxy4cs "System administration"
.SH NAME
mdproxy4cs \\- proxy for the metadata of a CloudStack virtual router
.SH SYNOPSIS
.B mdproxy4cs
.RI [ flags ]
.br
.B mdproxy4cs discover
.RB [ \\-\\-json ]
.RI [ flags ]
.br
.B mdproxy4cs status
.RB [ \\-\\-json ]
.br
.B mdproxy4cs wait
.RB [ \\-\\-timeout=\\fIDURATION\\fR ]
.br
.B mdproxy4cs get
.I PATH
.SH DESCRIPTION
.B mdproxy4cs
runs in a virtual machine on CloudStack. It finds the virtual router that serves the machine's metadata, by DHCP and from
other sources, and proxies HTTP requests made to a link\\-local address to it. The router is remembered, checked from time to
time, and searched for again as soon as it does not answer.
.PP
Without a command it serves until it is stopped.
.SH COMMANDS
.TP
.B discover
Searches once, prints what every source said of the router, and what to try next if none was found. It can run beside the
service; with \\-\\-env\\-file=/etc/default/mdproxy4cs it searches with the service's settings.
.TP
.B status
Says what the running service knows: the router in use, since when and from where, or why there is none. Only root may ask.
.TP
.B wait
Waits until the running service has metadata, for units and scripts that need them. Only root may ask. A unit can order itself
after mdproxy4cs\\-wait\\-ready.service, which does the same.
.TP
.BI get " PATH"
Prints the metadata at a path, such as /latest/user\\-data, asked of the running service.
`;

const AFTER_OPTIONS = `\
.SH ENVIRONMENT
Every option that names a variable is read from it as well. A flag beats the environment, the environment beats the file of
.BR \\-\\-env\\-file ,
and an empty variable counts as not set.
.SH SIGNALS
.TP
.BR SIGTERM ", " SIGINT
Finishes the requests in flight, for a few seconds at most, and ends.
.TP
.B SIGHUP
Opens the log file anew, reads the config drive anew and searches for the router again. If the old one is not found, a router
of another instance\\-id is accepted.
.SH EXIT STATUS
.TP
.B 0
The service was told to stop;
.B discover
found a router;
.B status
and
.B wait
found the service ready;
.B get
has printed.
.TP
.B 1
.B discover
found no router;
.B status
found the service not ready;
.B wait
waited in vain;
.B get
got no answer; or anything else has failed. The unit starts the service again.
.TP
.B 3
.B status
found no running service;
.B get
got a status of 3xx.
.TP
.B 4
.B status
was not allowed to ask (ask as root), or got no answer;
.B get
got a status of 4xx.
.TP
.B 5
.B get
got a status of 5xx.
.TP
.B 78
A command line or a configuration that cannot be used. The unit does not start the service again and is
.IR failed .
.SH FILES
.TP
.I /etc/default/mdproxy4cs
The variables that the unit sets.
.TP
.I /usr/share/mdproxy4cs/mdproxy4cs.service
The unit.
.TP
.I /usr/share/mdproxy4cs/pre\\-start.sh
Does what needs root before the unit starts the program: adds the listen address to the loopback interface, reserves its
port, copies leases that only root may read and a config drive.
.TP
.I /run/mdproxy4cs
Sockets and state of the running program, for it alone.
.TP
.I /run/mdproxy4cs\\-root
What pre\\-start.sh copied for it.
.SH EXAMPLES
.EX
curl http://169.254.169.254:39724/latest/meta\\-data/instance\\-id
mdproxy4cs discover
.EE
`;

/** Writes the man page. */
export function formatManPage(): string {
  const groups = Map.groupBy<string, Option>(OPTIONS, (option) => option.group);
  const sections = [...groups].map(([group, options]) => `.SS ${group}\n${options.map(formatOption).join("")}`);
  const options = [".SH OPTIONS\n", ...PLAIN_FLAGS.map(formatOption), ...sections];
  return BEFORE_OPTIONS + options.join("") + AFTER_OPTIONS;
}

function formatOption(option: PlainFlag & Partial<Pick<Option, "default" | "bare">>): string {
  const { flag, unit, bare, help, default: preset } = option;
  const name = `${flag === "help" ? "\\-h, " : ""}\\-\\-${escape(flag)}`;
  const text = unit === undefined ? "" : `=\\fI${escape(unit)}\\fR`;
  const value = bare === undefined ? text : `[${text}]`;
  const sentence = `${help[0]!.toUpperCase()}${help.slice(1)}.`;
  const facts = preset === undefined ? [] : [variableOf(flag), ...preset === "" ? [] : [`default ${preset}`]];
  const last = facts.length === 0 ? "" : `.br\n(${escape(facts.join(", ")).replace(/,(?=\w)/g, ",\\:")})\n`;
  return `.TP\n\\fB${name}\\fR${value}\n${escape(sentence)}\n${last}`;
}

/** A hyphen is a minus to copy and paste; a line must not begin like a request. */
function escape(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^[.']/, "\\&$&");
}
