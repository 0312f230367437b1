/**
 * What is inside the executable besides this program: the runtime and its libraries, as the executable itself tells.
 *
 * The runtime leaves the names and versions of its crates in it (the paths of its sources, for messages of panics), and
 * those of V8 and ICU. A crate that never panics leaves none: the list is what can be read, not more.
 *
 * @module
 */

import npmLock from "../npm/package-lock.json" with { type: "json" };
import { TOP } from "../program.ts";

/** A part of the executable. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /** Its license as SPDX writes it; `NOASSERTION` if nobody has looked. */
  readonly license: string;
  /** As its own files have it, or none. */
  readonly copyright?: string;
  /** Where it comes from (a package URL). */
  readonly purl: string;
}

/** The crates, `NAME-VERSION` each, sorted. */
function readCrates(text: string): string[] {
  const found = text.matchAll(/index\.crates\.io-[0-9a-f]{16}\/([A-Za-z0-9_-]+-\d+\.\d+\.\d+[A-Za-z0-9.+-]*)/g);
  return [...new Set(Array.from(found, ([, crate]) => crate!))].sort();
}

/**
 * Reads what is inside an executable.
 *
 * @param text its bytes, one character each
 * @param origin which Deno compiled it, and whether its libraries came from npm
 * @throws {Error} If something that must be inside cannot be found.
 */
export function readComponents(
  text: string,
  { denoVersion, isNpmOnly }: { readonly denoVersion: string; readonly isNpmOnly: boolean },
): Component[] {
  const find = (what: string, pattern: RegExp) => {
    const [, version] = pattern.exec(text) ?? [];
    if (version === undefined) throw new Error(`Cannot find the version of ${what} in the executable`);
    return version;
  };
  const crates = readCrates(text).map((crate): Component => {
    const [, name = "", version = ""] = /^(.+?)-(\d+\.\d+\.\d+.*)$/.exec(crate) ?? [];
    return { name, version, license: "NOASSERTION", purl: `pkg:cargo/${name}@${version}` };
  });
  if (crates.length === 0) throw new Error("Cannot find any crate in the executable");
  return [
    {
      name: "deno",
      version: denoVersion,
      license: "MIT",
      copyright: "Copyright the Deno authors",
      purl: `pkg:github/denoland/deno@v${denoVersion}`,
    },
    {
      name: "v8",
      version: find("V8", /(\d+\.\d+\.\d+\.\d+)-rusty/),
      license: "BSD-3-Clause",
      copyright: "Copyright 2014, the V8 project authors. All rights reserved.",
      purl: "pkg:github/v8/v8",
    },
    {
      name: "icu",
      version: find("ICU", /icudt(\d+)[lb]/),
      license: "Unicode-3.0",
      copyright: "Copyright (C) 2016 and later: Unicode, Inc. and others.",
      purl: "pkg:github/unicode-org/icu",
    },
    ...libraries(isNpmOnly),
    ...crates,
  ];
}

/** What is bundled from JSR, or instead of it from npm. */
function libraries(isNpmOnly: boolean): Component[] {
  const deno = { license: "MIT", copyright: "Copyright the Deno authors" } as const;
  if (!isNpmOnly) {
    const lock: { jsr: Record<string, unknown> } = JSON.parse(Deno.readTextFileSync(`${TOP}/deno.lock`));
    return ["cli", "dotenv", "http"].map((name) => {
      const [, version = ""] = Object.keys(lock.jsr).find((key) => key.startsWith(`@std/${name}@`))!.split(/(?<=.)@/);
      return { name: `@std/${name}`, version, purl: `pkg:jsr/%40std/${name}@${version}`, ...deno };
    });
  }
  const npm = (name: "deno-std" | "dotenv") => {
    const { version } = npmLock.packages[`node_modules/${name}`];
    return { name, version, purl: `pkg:npm/${name}@${version}` };
  };
  return [
    { ...npm("deno-std"), ...deno },
    { ...npm("dotenv"), license: "BSD-2-Clause", copyright: "Copyright (c) 2015, Scott Motte. All rights reserved." },
  ];
}
