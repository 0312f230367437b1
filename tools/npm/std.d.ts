/**
 * The types of what is used from @std on the npm-only network, where it comes as JavaScript: `deno.json` beside this
 * file maps the names, this one says what they are. On an ordinary network JSR brings both.
 */

declare module "@std/assert" {
  export function assert(value: unknown, message?: string): asserts value;
  export function assertEquals<T>(actual: T, expected: T, message?: string): void;
  // deno-lint-ignore no-explicit-any
  type Constructor<T> = abstract new (...parameters: any[]) => T;
  export function assertMatch(actual: string, expected: RegExp, message?: string): void;
  export function assertNotMatch(actual: string, expected: RegExp, message?: string): void;
  export function assertRejects(run: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
  export function assertRejects<E extends Error>(
    run: () => PromiseLike<unknown>,
    kind: Constructor<E>,
    includes?: string,
    message?: string,
  ): Promise<E>;
  export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): asserts actual is T;
  export function assertStringIncludes(actual: string, expected: string, message?: string): void;
  export function assertThrows(run: () => unknown, message?: string): unknown;
  export function assertThrows<E extends Error>(
    run: () => unknown,
    kind: Constructor<E>,
    includes?: string,
    message?: string,
  ): E;
}

declare module "@std/cli/parse-args" {
  export interface Args {
    _: (string | number)[];
    // deno-lint-ignore no-explicit-any
    [flag: string]: any;
  }
  export interface ParseOptions {
    alias?: Record<string, string | readonly string[]>;
    boolean?: boolean | string | readonly string[];
    collect?: string | readonly string[];
    string?: string | readonly string[];
    unknown?: (argument: string, key?: string, value?: unknown) => unknown;
  }
  export function parseArgs(args: readonly string[], options?: ParseOptions): Args;
}

declare module "@std/dotenv/parse" {
  export function parse(text: string): Record<string, string>;
}

declare module "@std/http/status" {
  export const STATUS_CODE: {
    readonly OK: 200;
    readonly NoContent: 204;
    readonly ResetContent: 205;
    readonly PartialContent: 206;
    readonly NotModified: 304;
    readonly BadRequest: 400;
    readonly Unauthorized: 401;
    readonly Forbidden: 403;
    readonly NotFound: 404;
    readonly MethodNotAllowed: 405;
    readonly RequestTimeout: 408;
    readonly PreconditionFailed: 412;
    readonly ContentTooLarge: 413;
    readonly URITooLong: 414;
    readonly RangeNotSatisfiable: 416;
    readonly MisdirectedRequest: 421;
    readonly HTTPVersionNotSupported: 505;
    readonly RequestHeaderFieldsTooLarge: 431;
    readonly InternalServerError: 500;
    readonly BadGateway: 502;
    readonly ServiceUnavailable: 503;
    readonly GatewayTimeout: 504;
  };
  export const STATUS_TEXT: Readonly<Record<number, string>>;
}
