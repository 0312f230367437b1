import { assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "@std/dotenv/parse";
import { PLAIN_FLAGS } from "../../lib/config/commands.ts";
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
  const page = (await readAsset("mdproxy4cs.8")).replaceAll("\\-", "-");
  for (const { flag } of [...PLAIN_FLAGS, ...OPTIONS]) assertStringIncludes(page, `--${flag}\\fR`);
  for (const option of OPTIONS) assertStringIncludes(page, `${variableOf(option.flag)}`);
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
