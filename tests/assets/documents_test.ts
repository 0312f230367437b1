import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parse } from "@std/dotenv/parse";
import { COMMANDS, PLAIN_FLAGS } from "../../lib/config/commands.ts";
import { OPTIONS, variableOf } from "../../lib/config/options.ts";
import { readConfig } from "../../lib/config/read_config.ts";
import { DOCUMENTS, PICTURES } from "../../tools/docs.ts";
import { runCommand } from "../support/net/process.ts";
import { readmeTable } from "../support/readme.ts";
import { test } from "../support/test.ts";
import { filePath } from "../../tools/file_path.ts";

const ASSETS = new URL("../../assets/", import.meta.url);
const readAsset = (name: string) => Deno.readTextFile(new URL(name, ASSETS));

for (const [name, format] of Object.entries(DOCUMENTS)) {
  test(`assets/${name} is what ./dev docs writes from the table of options`, async () => {
    assertEquals(await readAsset(name), format(), "run ./dev docs");
  });
}

for (const [name, draw] of Object.entries(PICTURES)) {
  test(`tools/docs/${name} is what ./dev docs draws`, async () => {
    assertEquals(
      await Deno.readTextFile(filePath(`../../tools/docs/${name}`, import.meta.url)),
      draw(),
      "run ./dev docs",
    );
  });
}

test("assets/default sets nothing, and names every variable once, at its default, when uncommented", async () => {
  const text = await readAsset("default");
  assertEquals(parse(text), {});
  const lines = [...text.matchAll(/^#(MDPROXY4CS_\w+=.*)$/gm)].map(([, line]) => line!);
  assertEquals(lines.length, OPTIONS.length);
  assertEquals(
    parse(lines.join("\n")),
    Object.fromEntries(OPTIONS.map((option) => [variableOf(option.flag), option.default])),
  );
});

test("assets/default, every line uncommented, is read as the configuration of nothing given", async () => {
  const text = (await readAsset("default")).replace(/^#(?=MDPROXY4CS_)/gm, "");
  const nothing = { flags: new Map(), environment: () => undefined };
  assertEquals(readConfig({ ...nothing, file: { path: "assets/default", text } }), readConfig(nothing));
});

test("assets/mdproxy4cs.8 names every flag, and every variable with its default", async () => {
  const page = (await readAsset("mdproxy4cs.8")).replaceAll("\\-", "-").replaceAll("\\:", "");
  for (const { flag } of [...PLAIN_FLAGS, ...OPTIONS]) assertStringIncludes(page, `--${flag}\\fR`);
  for (const { flag, default: preset } of OPTIONS) {
    assertStringIncludes(page, `(${[variableOf(flag), ...preset === "" ? [] : [`default ${preset}`]].join(", ")})`);
  }
});

test("assets/mdproxy4cs.8 has every command: in its synopsis with the flags that go with it, explained, and with its exit codes", async () => {
  const page = (await readAsset("mdproxy4cs.8")).replaceAll("\\-", "-");
  const sectionOf = (heading: string) => page.split(`.SH ${heading}\n`)[1]!.split("\n.SH ")[0]!;
  for (const { name, ...command } of COMMANDS) {
    const [, synopsis = ""] = sectionOf("SYNOPSIS").split(`.B mdproxy4cs ${name}\n`);
    const flags = PLAIN_FLAGS.filter((flag) => "commands" in flag && [...flag.commands].some((it) => it === name));
    const words = [...flags.map(({ flag }) => `--${flag}`), ..."operand" in command ? [command.operand] : []];
    assertEquals([name, synopsis.split("\n.br\n")[0]!.match(/--[a-z-]+|(?<=^\.I )\w+/gm) ?? []], [name, words]);
    assertMatch(sectionOf("COMMANDS"), new RegExp(`^\\.BI? ${name}\\b`, "m"));
    assertMatch(sectionOf("EXIT STATUS"), new RegExp(`^\\.B ${name}$`, "m"));
  }
});

/** What the pages name of sha256sum, curl and version 1. */
const OF_OTHERS = ["check", "ignore-missing", "noproxy", "help-long", "completion"];

for (const page of ["README.md", "SECURITY.md", "CHANGELOG.md", "assets/mdproxy4cs.8", "assets/mdproxy4cs.service"]) {
  test(`${page}: every flag and variable that it names is one`, async () => {
    const read = (path: string) => Deno.readTextFile(filePath(`../../${path}`, import.meta.url));
    const text = (await read(page)).replaceAll("\\-", "-");
    const scripts = await read("assets/install.sh") + await read("dev");
    const namesIn = (text: string, pattern: RegExp) => new Set(Array.from(text.matchAll(pattern), ([name]) => name));
    const FLAG = /(?<![\w-])--[a-z][a-z0-9]*(?:-[a-z0-9]+)*/g;
    const VARIABLE = /\bMDPROXY4CS_[A-Z_]+\b/g;
    const flags = [...[...PLAIN_FLAGS, ...OPTIONS].map(({ flag }) => flag), ...OF_OTHERS].map((flag) => `--${flag}`);
    const variables = OPTIONS.map(({ flag }) => variableOf(flag));
    const known = new Set([...flags, ...namesIn(scripts, FLAG), ...variables, ...namesIn(scripts, VARIABLE)]);
    const named = [...namesIn(text, FLAG), ...namesIn(text, VARIABLE)];
    assertEquals([named.length > 0, named.filter((name) => !known.has(name))], [true, []]);
  });
}

for (const name of ["_mdproxy4cs", "mdproxy4cs.bash", "mdproxy4cs.fish"]) {
  test(`assets/${name} offers every command and every flag`, async () => {
    const words = new Set((await readAsset(name)).match(/[a-z][a-z0-9-]*/g));
    const missing = [...COMMANDS.map(({ name }) => name), ...[...PLAIN_FLAGS, ...OPTIONS].map(({ flag }) => flag)]
      .filter((word) => !words.has(word));
    assertEquals(missing, []);
  });
}

test("README shows every command", async () => {
  const readme = await Deno.readTextFile(filePath("../../README.md", import.meta.url));
  for (const { name } of COMMANDS) assertMatch(readme, new RegExp(`mdproxy4cs ${name}\\b`));
});

test("README's table of options has their defaults", async () => {
  for (const [flags = "", defaults = ""] of await readmeTable("Options")) {
    const named = [...flags.matchAll(/`--([\w-]+)`/g)].map(([, flag]) =>
      OPTIONS.find((option) => option.flag === flag)
    );
    assertEquals([flags, named.map((option) => option?.default).join(", ")], [flags, defaults.replaceAll("`", "")]);
  }
});

/** What is typed, and what bash then offers. */
const TYPED: readonly (readonly [words: readonly string[], offers: readonly string[]])[] = [
  [["disc"], ["discover"]],
  [["--log-f"], ["--log-format", "--log-file"]],
  [["--log-level", "de"], ["debug"]],
  [["--log-level", "=", "w"], ["warn"]],
  [["--iname", ""], []],
  [["discover", "--js"], ["--json"]],
];

for (const [words, offers] of TYPED) {
  test(`assets/mdproxy4cs.bash completes "mdproxy4cs ${words.join(" ")}" with ${offers.join(", ") || "nothing"}`, async () => {
    const script = `
      source "$1"
      shift
      COMP_WORDS=(mdproxy4cs "$@") COMP_CWORD=$#
      _mdproxy4cs
      printf '%s\\n' "\${COMPREPLY[@]}"
    `;
    const { stdout } = await runCommand([
      "bash",
      "-c",
      script,
      "bash",
      filePath("../../assets/mdproxy4cs.bash", import.meta.url),
      ...words,
    ]);
    assertEquals(stdout.split("\n").filter(Boolean), [...offers]);
  });
}
