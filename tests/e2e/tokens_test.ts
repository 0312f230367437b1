import { assert, assertEquals } from "@std/assert";
import { prepareAwsSdk } from "../support/aws_sdk.ts";
import { networkTest } from "../support/net/network_test.ts";
import { PROXY } from "../support/net/program.ts";
import { createScene, ROUTER, SERVERS } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { test } from "../support/test.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const SAMPLE = sampleMetadata(GUEST.address);
const TTL = "X-aws-ec2-metadata-token-ttl-seconds";

async function fetchToken(scene: Scene, ttlSec = 60): Promise<string> {
  const { status, body } = await scene.get("/latest/api/token", ["--request", "PUT", "--header", `${TTL}: ${ttlSec}`]);
  assertEquals(status, 200);
  return body;
}

/** Asks with a token, or with none. */
const ask = async (scene: Scene, token?: string) => {
  const header = token === undefined ? [] : ["--header", `X-aws-ec2-metadata-token: ${token}`];
  const { status, body } = await scene.get("/latest/vm-id", header);
  return [status, body];
};

networkTest(
  "by default tokens are given and honoured, and bosh-agent, which has none, is served",
  ROUTER,
  async () => {
    await using scene = await createScene();
    assertEquals(await ask(scene), [200, SAMPLE["vm-id"]]);
    const token = await fetchToken(scene);
    assertEquals(await ask(scene, token), [200, SAMPLE["vm-id"]]);
    // Also when the answer is at hand, and for whoever shows a bad one.
    assertEquals(await ask(scene, token), [200, SAMPLE["vm-id"]]);
    for (const bad of [`${token}x`, "forged", token.replace(/./g, "A")]) assertEquals(await ask(scene, bad), [401, ""]);
    assertEquals(await scene.asked("token"), [], "the router saw a token");
    const response = await scene.get("/latest/api/token", [
      "--include",
      "--request",
      "PUT",
      "--header",
      `${TTL}: 21600`,
    ]);
    assert(new RegExp(`\r\n${TTL}: 21600\r\n`, "i").test(response.body), response.body);
    for (const wrong of ["0", "21601", "x"]) {
      const { status } = await scene.get("/latest/api/token", ["--request", "PUT", "--header", `${TTL}: ${wrong}`]);
      assertEquals([wrong, status], [wrong, 400]);
    }
  },
);

for (
  const [mode, issued, without, forged] of [["no", 405, 200, 200], ["optional", 200, 200, 401], [
    "yes",
    200,
    401,
    401,
  ]] as const
) {
  networkTest(
    `--require-token ${mode}: PUT gets ${issued}, no token ${without}, a bad one ${forged}`,
    ROUTER,
    async () => {
      await using scene = await createScene({ args: ["--require-token", mode] });
      const { status, body } = await scene.get("/latest/api/token", ["--request", "PUT", "--header", `${TTL}: 60`]);
      assertEquals(status, issued);
      assertEquals([(await ask(scene))[0], (await ask(scene, "forged"))[0]], [without, forged]);
      if (issued === 200) assertEquals((await ask(scene, body))[0], 200);
    },
  );
}

networkTest("a flood of tokens pushes out nobody's", ROUTER, async () => {
  await using scene = await createScene({ args: ["--require-token", "yes"] });
  const token = await fetchToken(scene, 21_600);
  using exchange = await scene.open();
  const request = `PUT /latest/api/token HTTP/1.1\r\nHost: 169.254.169.254:39724\r\n${TTL}: 1\r\n\r\n`;
  for (let i = 0; i < 5_000; i++) {
    await exchange.send(request);
    assertEquals((await exchange.receive("PUT")).status, 200);
  }
  assertEquals(await ask(scene, token), [200, SAMPLE["vm-id"]]);
});

networkTest("a token of before a restart is refused, and another one is to be had", ROUTER, async () => {
  await using scene = await createScene();
  const token = await fetchToken(scene);
  await scene.program.stop();
  await scene.startProgram();
  assertEquals(await ask(scene, token), [401, ""]);
  assertEquals(await ask(scene, await fetchToken(scene)), [200, SAMPLE["vm-id"]]);
});

const sdk = await prepareAwsSdk();
const needsSdk = "the AWS SDK's metadata client works, with tokens as it insists on";
if ("why" in sdk) {
  // Where everything is tested, this is too.
  if (Deno.env.get("CI") === undefined) Deno.test({ name: `${needsSdk} (skipped: ${sdk.why})`, ignore: true, fn() {} });
  else test(needsSdk, () => assert(false, sdk.why));
} else {
  networkTest(needsSdk, SERVERS, async () => {
    for (const mode of ["optional", "yes"]) {
      await using scene = await createScene({ args: ["--require-token", mode] });
      const { code, stdout, stderr } = await scene.guest.run([...sdk.argv, PROXY, "/latest/meta-data/instance-id"], {
        env: sdk.env,
      });
      assertEquals([mode, code], [mode, 0], stderr);
      assertEquals(JSON.parse(stdout), { hasToken: true, value: SAMPLE["instance-id"] });
    }
  });
}
