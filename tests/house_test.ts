/**
 * The house's own rules, read off its sources: who may import whom (the table of ARCHITECTURE.md), no circles, one room for time,
 * and which files may touch the runtime.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { filePath } from "../tools/file_path.ts";
import { SOURCE_NAMES } from "../lib/config/words.ts";
import { READABLE } from "../lib/system/permissions.ts";
import { test } from "./support/test.ts";

const TOP = filePath("..", import.meta.url);

/**
 * Files that may touch the runtime, besides those of `lib/system`: the thin edges. All others are pure, and can be tested by calling
 * them.
 */
const EDGES: readonly string[] = [
  "lib/daemon.ts",
  "lib/http1/client.ts", // opens connections
  "lib/http1/dial.ts",
  "lib/http1/connection.ts",
  "lib/http1/transport.ts",
  "lib/config_drive/", // reads the folder of the config drive
  "lib/control/", // listens on a Unix socket
  "lib/proxy/gate/", // accepts connections
  "lib/proxy/server/", // Deno.serve
];

const sources = await readSources("main.ts", "lib");

/** A source file without its comments, and what it imports of this project. */
interface Source {
  readonly path: string;
  readonly code: string;
  readonly imports: readonly string[];
}

test("lib: no folders import each other in a circle", () => {
  const graph = new Map<string, Set<string>>();
  for (const { path, imports } of sources) {
    const from = folderOf(path);
    for (const to of imports.map(folderOf)) {
      if (from !== to) graph.set(from, (graph.get(from) ?? new Set()).add(to));
    }
  }
  assertEquals(findCircles(graph), [], "these folders import each other");
});

test("lib: no files import each other in a circle", () => {
  assertEquals(findCircles(new Map(sources.map(({ path, imports }) => [path, new Set(imports)]))), []);
});

test("lib: a room imports only the rooms that ARCHITECTURE allows it", async () => {
  const allowed = await readAllowed();
  const forbidden = sources.flatMap(({ path, imports }) => {
    const room = roomOf(path);
    const may = allowed.get(room);
    assert(may !== undefined, `${room} has no row in ARCHITECTURE.md`);
    return imports.filter((to) => roomOf(to) !== room && !may.includes(roomOf(to)) && !may.includes("everyone"))
      .map((to) => `${path} -> ${to}`);
  });
  assertEquals(forbidden, [], "ARCHITECTURE.md does not allow these imports");
});

test("ARCHITECTURE.md: every room of the table is there, and imports what it may", async () => {
  const rows = [...await readAllowed()];
  const rooms = new Set(sources.map(({ path }) => roomOf(path)));
  assertEquals(rows.map(([room]) => room).filter((room) => !rooms.has(room)), []);
  const used = new Set(sources.flatMap(({ path, imports }) => imports.map((to) => `${roomOf(path)} -> ${roomOf(to)}`)));
  const allowed = rows.flatMap(([room, may]) => may.map((to) => `${room} -> ${to}`));
  assertEquals(allowed.filter((row) => !row.endsWith("everyone") && !used.has(row)), [], "nobody has need of these");
});

test("lib: nothing but lib/time sets timers of the runtime", () => {
  const timers = sources.filter(({ path, code }) =>
    !path.startsWith("lib/time/") && /\b(setTimeout|setInterval|AbortSignal\.timeout)\b/.test(code)
  );
  assertEquals(timers.map(({ path }) => path), []);
});

test('lib: nothing is closed by "using", which Deno 2.4\'s compiled programs do not heed within a function that is handed on', () => {
  const users = sources.filter(({ code }) => /(?<!await )\busing \w+ =/.test(code));
  assertEquals(users.map(({ path }) => path), []);
});

test("lib: only the edges touch the runtime; types of it may pass", () => {
  const touched = sources.flatMap(({ path, code }) => {
    if (path === "main.ts" || path.startsWith("lib/system/") || EDGES.some((edge) => path.startsWith(edge))) return [];
    return (code.match(/\bDeno\.[a-z]\w*/g) ?? []).map((what) => `${path}: ${what}`);
  });
  assertEquals(touched, []);
});

test("lib: a file exports what other files use, and types that it names itself, and nothing else", async () => {
  const imported = new Set<string>();
  for (const { path, code } of [...sources, ...await readSources("tests", "tools")]) {
    for (const [, names, from] of code.matchAll(/\{([^{}]*)\} from "(\.[^"]+)"/g)) {
      for (const name of wordsOf(names!)) imported.add(`${resolve(path, from!)} ${name}`);
    }
  }
  const unused = sources.flatMap(({ path, code }) => {
    const isNamed = (name: string) => code.match(new RegExp(`\\b${name}\\b`, "g"))!.length > 1;
    return [
      ...matchesOf(code, /^export (?:async )?(?:const|class|function\*?) (\w+)/gm),
      ...matchesOf(code, /^export (?:type )?\{([^{}]*)\}/gm).flatMap(wordsOf),
      ...matchesOf(code, /^export (?:interface|type) (\w+)/gm).filter((name) => !isNamed(name)),
    ].filter((name) => !imported.has(`${path} ${name}`)).map((name) => `${path}: ${name}`);
  });
  assertEquals(unused, []);
});

function wordsOf(names: string): string[] {
  return matchesOf(names, /(\w+)(?: as \w+)?/g);
}

function matchesOf(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, match]) => match!);
}

test("lib/discover/sources: every folder that a source reads may be read", () => {
  const folders = sources.filter(({ path }) => path.startsWith("lib/discover/sources/")).flatMap(({ path, code }) =>
    [...code.matchAll(/["`](\/(?:etc|run|var)\/[^"`$]*)/g)].map(([, folder]) => `${path}: ${folder}`)
  );
  const forgotten = folders.filter((line) => !READABLE.some((readable) => line.split(": ")[1]!.startsWith(readable)));
  assertEquals(forgotten, [], "name these folders in lib/system/permissions.ts");
});

test("README.md: every source is named where it says how the router is found", async () => {
  const readme = await Deno.readTextFile(`${TOP}/README.md`);
  const [, section = ""] = /^## How the router is found$(.*?)^## /ms.exec(readme) ?? [];
  const words = section.toLowerCase().replace(/[^a-z]/g, "");
  assertEquals(SOURCE_NAMES.filter((name) => !words.includes((WORDS[name] ?? name).replace(/[^a-z]/g, ""))), []);
});

test("ARCHITECTURE.md: the order of sources is the one that the program has", async () => {
  const text = await Deno.readTextFile(`${TOP}/ARCHITECTURE.md`);
  const [, paragraph = ""] = /^- \*\*The order of sources\*\*(.*?)^- \*\*/ms.exec(text) ?? [];
  const names: readonly string[] = SOURCE_NAMES;
  const told = [...paragraph.matchAll(/`(\w+)`/g)].map(([, word]) => word!).filter((word) => names.includes(word));
  assertEquals(told, names);
});

/** What the README calls a source whose name is no word of its own. */
const WORDS: Readonly<Record<string, string>> = {
  server: "--server",
  dns: "data-server",
  config_drive: "config drive",
};

for (const page of ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "tests/README.md"]) {
  test(`${page}: every source and test that it names is there`, async () => {
    const paths = [...sources, ...await readSources("tests", "tools")].map(({ path }) => `/${path}`);
    const names = matchesOf(await Deno.readTextFile(`${TOP}/${page}`), /\b([a-z0-9_/]+(?:_test\b|(?=\.ts\b)))/g);
    const missing = names.filter((name) => !paths.some((path) => path.endsWith(`/${name}.ts`)));
    assertEquals([names.length > 0, missing], [true, []]);
  });
}

test("tests: each that runs has the leak sanitizers on", async () => {
  const tests = (await readSources("tests")).flatMap(({ path, code }) =>
    matchesOf(code, /\b(Deno\.test\(.*)/g).map((call) => `${path}: ${call}`)
  );
  const others = tests.filter((line) => !/^tests\/support\/(net\/network_)?test\.ts: |\bignore: true\b/.test(line));
  assertEquals([tests.length > 1, others], [true, []], "register them with test or networkTest");
});

test("CHANGELOG: what it calls new log messages are messages of the program", async () => {
  const text = await Deno.readTextFile(`${TOP}/CHANGELOG.md`);
  const itemsOf = (word: string) => [...text.matchAll(new RegExp(`^- ${word}[^]*?(?=\n- |\n\n)`, "gm"))].join("\n");
  // Of other words those behind the old ones: "old" is "new", "old" and "older" are "new" and "newer".
  const others = [...itemsOf("Other words").matchAll(/(?<=\b(?:is|are)\s+)"[^"]+"(?:\s+and\s+"[^"]+")?/g)].join("\n");
  assert(others !== "");
  const messages = matchesOf(itemsOf("New") + others, /"([^"]+)"/g).map((message) => message.replace(/\s+/g, " "));
  const isLogged = (message: string) => sources.some(({ code }) => code.includes(`"${message}"`));
  assertEquals([messages.length > 0, messages.filter((message) => !isLogged(message))], [true, []]);
});

async function readSources(...places: readonly string[]): Promise<Source[]> {
  const found: Source[] = [];
  const read = async (path: string) => {
    const code = stripComments(await Deno.readTextFile(`${TOP}/${path}`));
    const imports = [...code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+\.ts)"/g)].map(([, to]) =>
      resolve(path, to!)
    );
    found.push({ path, code, imports });
  };
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(`${TOP}/${folder}`)) {
      if (isDirectory && name !== "node_modules") await walk(`${folder}/${name}`);
      else if (name.endsWith(".ts")) await read(`${folder}/${name}`);
    }
  };
  for (const place of places) await (place.endsWith(".ts") ? read(place) : walk(place));
  return found.sort((a, b) => a.path < b.path ? -1 : 1);
}

function stripComments(code: string): string {
  return code.replace(/\/\*[^]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

function resolve(from: string, to: string): string {
  return new URL(to, `file:///${from}`).pathname.slice(1);
}

function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : path;
}

/** The row of ARCHITECTURE's table that a file belongs to: a folder right below `lib`, or a file there. */
function roomOf(path: string): string {
  return path.split("/").slice(0, 2).join("/");
}

/** What each room may import, by the last column of the table of rooms. */
async function readAllowed(): Promise<Map<string, string[]>> {
  const text = await Deno.readTextFile(`${TOP}/ARCHITECTURE.md`);
  const rows = text.matchAll(/^\| `(main\.ts|lib\/[\w.]+)` \|.*\| ([^|]*) \|$/gm);
  return new Map([...rows].map(([, room, may]) => [
    room!,
    may === "everyone" ? [may] : matchesOf(may!, /(\w+)/g).filter((to) => to !== "nobody").map((to) => `lib/${to}`),
  ]));
}

/** Groups of names that can all reach each other: the strongly connected components of more than one (Tarjan). */
function findCircles(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (name: string) => {
    order.set(name, order.size);
    low.set(name, order.get(name)!);
    stack.push(name);
    for (const to of graph.get(name) ?? []) {
      if (!order.has(to)) visit(to);
      if (stack.includes(to)) low.set(name, Math.min(low.get(name)!, low.get(to)!));
    }
    if (low.get(name) !== order.get(name)) return;
    const circle = stack.splice(stack.indexOf(name));
    if (circle.length > 1) circles.push(circle.sort());
  };
  for (const name of graph.keys()) if (!order.has(name)) visit(name);
  return circles;
}
