/**
 * What the program was told and cannot use.
 *
 * @module
 */

/** An option, an argument or an env file that cannot be used. The message stands alone: it names option, value and remedy. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly kind = "config";
  /** The flag or variable at fault, as the user wrote it; `undefined` where it is the command line as such. */
  readonly option: string | undefined;
  /** The text it was given. */
  readonly value: string | undefined;

  constructor(message: string, options: ErrorOptions & { readonly option?: string; readonly value?: string } = {}) {
    super(message, options);
    this.option = options.option;
    this.value = options.value;
  }
}
