/**
 * What the program was told and cannot use.
 *
 * @module
 */

/** An option, an argument or an env file that cannot be used. The message stands alone: it names option, value and remedy. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}
