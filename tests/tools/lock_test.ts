import { assert, assertEquals } from "@std/assert";
import { TOP } from "../../tools/program.ts";
import { test } from "../support/test.ts";

// `deno install --frozen` and `deno ci` refuse a lock that does not cover what deno.json and the sources import. They need
// JSR, which not every network reaches: here it is read whether the lock holds what they would ask for.

const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(`${TOP}/${path}`));
const { imports }: { imports: Record<string, string> } = await readJson("deno.json");
const lock: Lock = await readJson("deno.lock");

interface Lock {
  readonly version: string;
  /** `jsr:@std/cli@^1.0.32` to `1.0.32`. */
  readonly specifiers: Readonly<Record<string, string>>;
  /** By `@std/cli@1.0.32`. */
  readonly jsr: Readonly<Record<string, { readonly integrity: string; readonly dependencies?: readonly string[] }>>;
  readonly workspace: { readonly dependencies: readonly string[] };
}

/** What the lock calls an import of deno.json: without its sub-path, and `~` where `^` would mean the same. */
function requirementOf(specifier: string): string {
  const [, name = "", range = ""] = /^(jsr:@[\w-]+\/[\w-]+)@([^/]+)/.exec(specifier) ?? [];
  return `${name}@${range.replace(/^\^(?=0\.[1-9])/, "~")}`;
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory && name !== "node_modules" && name !== "dist") yield* sources(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}

test("deno.lock requires what deno.json imports, and nothing else", () => {
  const required = Object.values(imports).map(requirementOf).sort();
  assertEquals([...lock.workspace.dependencies].sort(), required);
  for (const requirement of required) assert(lock.specifiers[requirement] !== undefined, requirement);
});

test("deno.lock has every version that it names, with its hash, and what that depends on", () => {
  for (const [requirement, version] of Object.entries(lock.specifiers)) {
    const name = requirement.slice("jsr:".length, requirement.lastIndexOf("@"));
    const locked = lock.jsr[`${name}@${version}`];
    assert(/^[0-9a-f]{64}$/.test(locked?.integrity ?? ""), `${name}@${version}`);
    for (const dependency of locked!.dependencies ?? []) {
      assert(Object.keys(lock.specifiers).some((other) => other.startsWith(`${dependency}@`)), dependency);
    }
  }
  const named = Object.entries(lock.specifiers).map(([requirement, version]) =>
    `${requirement.slice("jsr:".length, requirement.lastIndexOf("@"))}@${version}`
  );
  assertEquals(Object.keys(lock.jsr).sort(), named.sort());
});

test("every library that a source imports is one of deno.json's entry points, and each of those is imported", async () => {
  const imported = new Set<string>();
  for (const folder of ["lib", "tests", "tools"]) {
    for await (const path of sources(`${TOP}/${folder}`)) {
      const text = await Deno.readTextFile(path);
      for (const [, name] of text.matchAll(/^(?:im|ex)port [^";]*\bfrom "([^"./$][^"$]*)"/gm)) imported.add(name!);
    }
  }
  assertEquals([...imported].sort(), Object.keys(imports).sort());
});
