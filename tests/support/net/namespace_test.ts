import { assertEquals } from "@std/assert";
import { networkTest } from "./network_test.ts";
import { runCommand } from "./process.ts";
import { test } from "../test.ts";

const NAMESPACE = new URL("namespace.ts", import.meta.url).href;

/** Why there are no namespaces, as a process says it that is started so. */
async function whyNot(start: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const code = `
    import { whyNoNamespaces } from ${JSON.stringify(NAMESPACE)};
    console.log(whyNoNamespaces() ?? "there are");
  `;
  const { stdout } = await runCommand([...start, Deno.execPath(), "eval", "--no-config", "--no-lock", code], { env });
  return stdout.trim();
}

const HINT = "To have them: root with CAP_SYS_ADMIN and CAP_NET_ADMIN, as docker run --privileged gives";

test("whyNoNamespaces says what was refused, and tells a chroot that is no mount point from it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (
      const [said, why] of [
        [
          "unshare failed: Operation not permitted",
          `this machine refuses namespaces (unshare failed: Operation not permitted). ${HINT}`,
        ],
        [
          "cannot change root filesystem propagation: Permission denied",
          `this machine refuses namespaces (cannot change root filesystem propagation: Permission denied). ${HINT}`,
        ],
        [
          "cannot change root filesystem propagation: Invalid argument",
          "the root folder is a chroot's and no mount point. To have namespaces: mount --bind DIR DIR before chroot DIR",
        ],
      ] as const
    ) {
      await Deno.writeTextFile(`${folder}/unshare`, `#!/bin/sh\necho "unshare: ${said}" >&2\nexit 1\n`, {
        mode: 0o755,
      });
      assertEquals(await whyNot([], { PATH: `${folder}:/usr/bin:/bin` }), why);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

networkTest("whyNoNamespaces says so where a namespace can be made, and no network in it", { root: true }, async () => {
  assertEquals(
    await whyNot(["setpriv", "--bounding-set=-net_admin", "--"]),
    `this machine refuses namespaces (RTNETLINK answers: Operation not permitted). ${HINT}`,
  );
  assertEquals(await whyNot([]), "there are");
});
