import { assertEquals } from "@std/assert";
import { filePath } from "../../tools/file_path.ts";
import { test } from "../support/test.ts";

for (const name of ["plain", "with space", "ümläut", "a#b", "100%", "what?", "%41"]) {
  test(`filePath finds a file in a folder named ${JSON.stringify(name)}`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
    try {
      await Deno.mkdir(`${folder}/${name}/sub`, { recursive: true });
      await Deno.writeTextFile(`${folder}/${name}/sub/module.ts`, "export const url = import.meta.url;");
      const probe = `${folder}/probe.ts`;
      await Deno.writeTextFile(probe, `console.log((await import(Deno.args[0])).url);`);
      const module = `file://${`${folder}/${name}/sub/module.ts`.split("/").map(encodeURIComponent).join("/")}`;
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-config", "--no-check", "-A", probe, module],
      }).output();
      assertEquals(filePath("..", new TextDecoder().decode(stdout).trim()), `${folder}/${name}/`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

test("nothing takes a file's URL for its path", async () => {
  const found: string[] = [];
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory && name !== "node_modules") await walk(path);
      if (!name.endsWith(".ts")) continue;
      if (/import\.meta\.url\)\.pathname/.test(await Deno.readTextFile(path))) found.push(path);
    }
  };
  for (const folder of ["lib", "tests", "tools"]) await walk(filePath(`../../${folder}`, import.meta.url));
  assertEquals(found, []);
});
