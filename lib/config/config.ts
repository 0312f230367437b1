/**
 * What the program was told, validated and frozen: one slice for each part. The slices are not written down here; they
 * follow from the table of options.
 *
 * @module
 */

import type { OPTIONS } from "./options.ts";

type Row = typeof OPTIONS[number];

/** The name behind the dot of a place in the slice, if it is in it. */
type NameIn<Slice extends string, Place> = Place extends `${Slice}.${infer Name}` ? Name : never;

/** What the rows with a place in the slice put there. */
export type SliceOf<Slice extends string> =
  & { readonly [R in Row as NameIn<Slice, R["place"]>]: ReturnType<R["parse"]> }
  & { readonly [R in Row as R extends { readonly chosen: infer Place } ? NameIn<Slice, Place> : never]: boolean };

/** What discovery needs to know. */
export type DiscoveryConfig = SliceOf<"discovery">;

/** What the proxy needs to know. */
export type ProxyConfig = SliceOf<"proxy">;

/** Where the admin pages are served, if they are. */
export type AdminConfig = SliceOf<"admin">;

/** Where the copy of a config drive is. */
export type DriveConfig = SliceOf<"drive">;

/** How and where to log. */
export type LogConfig = SliceOf<"log">;

/** Everything the program was told. */
export interface Config {
  readonly discovery: DiscoveryConfig;
  readonly proxy: ProxyConfig;
  readonly admin: AdminConfig;
  readonly drive: DriveConfig;
  readonly log: LogConfig;
  /** What was accepted but deserves a word in the log, such as an unknown log level. */
  readonly warnings: readonly string[];
}
