/**
 * Why a source cannot name a router.
 *
 * @module
 */

/** Why a source could not name a router. */
export type SourceErrorKind =
  /** This machine has no descriptor or memory left to ask with. */
  | "exhausted"
  | "no_interface"
  | "no_address"
  | "link_down"
  | "no_answer"
  /** Somebody answered, but not with what names a router: a NAK, no server identifier, BOOTP, malformed. */
  | "not_believed"
  /** A DHCP server offers this machine another address than it has. */
  | "other_address"
  /** Port 68 is taken or not permitted. */
  | "client_port_unavailable"
  /** The firewall of this machine refuses to let a packet out (EPERM). */
  | "firewall"
  | "network"
  /** A file or folder that this program may not read. */
  | "unreadable"
  /** A command of the machine, such as `ip`, is missing or failed. */
  | "command";

/** A source that broke, or has to do without something. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  constructor(readonly kind: SourceErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
