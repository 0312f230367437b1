import { assertEquals, assertMatch } from "@std/assert";
import { permissionFlags } from "../../lib/system/permissions.ts";
import { binary } from "../support/binary.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, ROUTER } from "../support/scene.ts";
import { filePath } from "../../tools/file_path.ts";

//   guest 10.1.1.50 (a server on port 80 of loopback) ---- lan ---- 10.1.1.1 router (ports 80, 443, 8080)

/** What the program needs; everything else that the probe tries has to be refused. */
const ALLOWED = ["run ip", "reach port 8080 of the router", "reach port 80 of the router"];

const SERVERS = { programs: ["dnsmasq", "nginx", "busybox"] } as const;

networkTest("the program's permissions allow what it needs and refuse everything else", SERVERS, async () => {
  await using scene = await createScene({ router: { extra: "listen 8080; listen 443;" }, args: "none" });
  const { network, guest } = scene;
  // Where a try is not refused it must succeed, or nothing was shown.
  for (const port of [80, 8080]) guest.start(["busybox", "httpd", "-f", "-p", String(port), "-h", network.folder]);
  assertEquals((await scene.get("http://10.1.1.1:8080/latest/vm-id")).status, 200);

  const probe = filePath("permissions_probe.ts", import.meta.url);
  const flags = permissionFlags(Deno.version.deno);
  const stdout = await guest.must(
    [Deno.execPath(), "run", "--quiet", "--no-check", "--no-config", ...flags, probe],
    { env: { HOME: "/root", DENO_NO_UPDATE_CHECK: "1", DENO_DIR: `${network.folder}/deno` } },
  );
  const tries = stdout.trim().split("\n").map((line): { what: string; outcome: string } => JSON.parse(line));
  assertEquals(tries.filter(({ outcome }) => outcome === "allowed").map(({ what }) => what), ALLOWED);
  assertEquals(tries.filter(({ outcome }) => outcome !== "allowed" && outcome !== "refused"), []);
});

networkTest("the compiled program runs no other ip than the system's", SERVERS, async () => {
  await using scene = await createScene({ guest: "unplugged", router: "none", args: "none" });
  const { guest } = scene;
  await guest.write("/run/bin/ip", "#!/bin/sh\ntouch /run/was-run\n");
  await guest.must(["chmod", "755", "/run/bin/ip"]);
  await scene.startProgram([], { env: { PATH: "/run/bin:/usr/bin:/bin" } });
  assertEquals((await guest.run(["test", "-e", "/run/was-run"])).code, 1, "an ip found in PATH was run");
});

networkTest(
  "the compiled program asks nothing of a server inside the VM, even if that is named as the router",
  SERVERS,
  async () => {
    await using scene = await createScene({ guest: "unplugged", router: "none", args: "none" });
    const { network, guest } = scene;
    const inside = guest.start(["busybox", "httpd", "-f", "-vv", "-p", "80", "-h", network.folder]);
    const own = ["curl", "--silent", "--retry", "10", "--retry-connrefused", "http://127.0.0.1/own"];
    await guest.must(own);
    await inside.waitForLine(/response:404/);
    for (const server of ["127.0.0.1", "127.9.9.9", "169.254.169.254", "0.0.0.0"]) {
      await using _program = await scene.startProgram([
        ...["--server", server, "--discovery", "server"],
        ...["--request-timeout", "1s", "--discovery-timeout", "1s"],
      ]);
      const { status, body } = await scene.get("/latest/user-data");
      assertEquals([server, status, body], [server, 503, ""]);
    }
    const heard = inside.lines.filter((line) => /url|response/.test(line)).map((line) => line.replace(/^.*\d: ?/, ""));
    assertEquals(heard, ["url:/own", "response:404"]);
  },
);

networkTest("the compiled program neither reads nor writes outside its folders", ROUTER, async () => {
  await using scene = await createScene({ guest: "unplugged", router: "none", args: "none" });
  const { guest } = scene;
  const reading = await guest.run([binary(), "--env-file", "/etc/passwd"]);
  assertEquals(reading.code, 78);
  assertMatch(reading.stderr, /may only read in/);
  const writing = await scene.startProgram(["--log-file", "/etc/mdproxy4cs-probe.log"]);
  assertMatch(writing.lines.join("\n"), /warn .*logging to standard output instead/);
  assertEquals((await guest.run(["test", "-e", "/etc/mdproxy4cs-probe.log"])).code, 1);
});

networkTest("the compiled program ignores what its environment says of proxies and of Deno", ROUTER, async () => {
  await using scene = await createScene({
    ...{
      env: {
        HTTP_PROXY: "http://127.0.0.1:9",
        http_proxy: "http://127.0.0.1:9",
        ALL_PROXY: "socks5://127.0.0.1:9",
        DENO_PERMISSION_BROKER_PATH: "",
        DENO_DIR: "/proc",
      },
    },
  });
  assertEquals((await scene.get("/latest/meta-data/vm-id")).status, 200);
});
