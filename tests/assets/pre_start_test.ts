import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createNetwork } from "../support/net/network.ts";
import type { Host } from "../support/net/network.ts";
import { networkTest } from "../support/net/network_test.ts";
import { filePath } from "../../tools/file_path.ts";

const PRE_START = filePath("../../assets/pre-start.sh", import.meta.url);

async function linkLocal(host: Host): Promise<string[]> {
  const addresses = await host.must(["ip", "-o", "-4", "address", "show"]);
  return [...addresses.matchAll(/(\w+)\s+inet (169\.254\S+)/g)].map(([, iface, address]) => `${address} on ${iface}`);
}

networkTest("pre-start.sh adds the default address to lo", {}, async () => {
  await using network = await createNetwork();
  const host = await network.createHost("vm");
  await host.must([PRE_START]);
  assertEquals(await linkLocal(host), ["169.254.169.254/32 on lo"]);
});

networkTest("pre-start.sh can run again, and many times at once", {}, async () => {
  await using network = await createNetwork();
  const host = await network.createHost("vm");
  const outcomes = await Promise.all(Array.from({ length: 16 }, () => host.run([PRE_START])));
  assertEquals(outcomes.map(({ code, stderr }) => ({ code, stderr })), Array(16).fill({ code: 0, stderr: "" }));
  await host.must([PRE_START]);
  assertEquals(await linkLocal(host), ["169.254.169.254/32 on lo"]);
});

networkTest("pre-start.sh adds the address that is configured, and none where that is loopback", {}, async () => {
  await using network = await createNetwork();
  const host = await network.createHost("vm");
  for (const listen of ["127.0.0.1:39724", "[::1]:39724"]) {
    await host.must([PRE_START], { env: { MDPROXY4CS_HTTP_LISTEN: listen } });
    assertEquals(await linkLocal(host), []);
  }
  await host.must([PRE_START], { env: { MDPROXY4CS_HTTP_LISTEN: "169.254.1.2:8000" } });
  assertEquals(await linkLocal(host), ["169.254.1.2/32 on lo"]);
});

networkTest("pre-start.sh needs no option of ip that old versions lack", {}, async () => {
  await using network = await createNetwork();
  const host = await network.createHost("vm");
  await host.write(
    `${network.folder}/ip`,
    '#!/bin/sh\ncase "$*" in *-j*|*-o*|*-br*|*" to "*|*" up") echo "Option unknown" >&2; exit 255;; esac\nexec /sbin/ip "$@"\n',
  );
  await host.must(["chmod", "755", `${network.folder}/ip`]);
  await host.must([PRE_START], { env: { PATH: `${network.folder}:/usr/sbin:/usr/bin:/sbin:/bin` } });
  assertEquals(await linkLocal(host), ["169.254.169.254/32 on lo"]);
});

networkTest("pre-start.sh without the right to change the network fails with a sentence", {}, async () => {
  await using network = await createNetwork();
  const host = await network.createHost("vm");
  const { code, stderr } = await host.run(["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", PRE_START]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "mdproxy4cs: cannot add 169.254.169.254 to lo: ");
  assert(/not permitted/.test(stderr), stderr);
});
