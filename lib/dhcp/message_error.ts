/**
 * The one error of the DHCP decoder.
 *
 * @module
 */

/** A datagram that is no DHCP message, or options in one that cannot be read. */
export class MessageError extends Error {
  override readonly name = "MessageError";
  readonly kind = "malformed";
  /** Where in the datagram the trouble begins, in bytes. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}
