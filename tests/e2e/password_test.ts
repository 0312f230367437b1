import { assertEquals, assertMatch } from "@std/assert";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, ROUTER, SERVERS } from "../support/scene.ts";
import type { Scene } from "../support/scene.ts";
import { startPasswordServer } from "../support/servers/password_server.ts";
import { GUEST } from "../support/servers/router.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx; password server on 8080)

const PASSWORD = "s3cr3t-Pa55";
const PASSWORDS = { [GUEST.address]: PASSWORD };

/** What CloudStack's cloud-set-guest-password does, with the program's address in the place of the router's. */
const SET_GUEST_PASSWORD = `
base=http://169.254.169.254:39724/
password=$(wget -q -t 3 -T 20 -O - --header "DomU_Request: send_my_password" "$base" | tr -d '\\r')
case $password in
  "") echo "got nothing" ;;
  bad_request) echo "bad request" ;;
  saved_password) echo "nothing new" ;;
  *) echo "set to $password"
     wget -q -t 3 -T 20 -O - --header "DomU_Request: saved_password" "$base" > /dev/null && echo "acknowledged" ;;
esac
`;

/** Asks for the password as curl does. */
function ask(scene: Scene, asks = "send_my_password", args: readonly string[] = []) {
  return scene.get("/", ["--header", `DomU_Request: ${asks}`, ...args]);
}

/** What the router's password server heard and said. */
const heard = (lines: readonly string[]) => lines.filter((line) => line.startsWith(GUEST.address));

networkTest(
  "cloud-set-guest-password gets the password once, acknowledges it once, and finds nothing new after that",
  { programs: [...SERVERS.programs!, "wget"] },
  async () => {
    await using scene = await createScene({ args: ["--password-service", "--log-level", "debug"] });
    const server = await startPasswordServer(scene.router.host, PASSWORDS);
    const run = () => scene.guest.must(["sh", "-c", SET_GUEST_PASSWORD]);
    assertEquals(await run(), `set to ${PASSWORD}\nacknowledged\n`);
    assertEquals(await run(), "nothing new\n");
    assertEquals(heard(server.lines), [
      `${GUEST.address} send_my_password ${PASSWORD}`,
      `${GUEST.address} saved_password saved_password`,
      `${GUEST.address} send_my_password saved_password`,
    ]);
    assertEquals(scene.program.lines.filter((line) => line.includes(PASSWORD) || /domu/i.test(line)), []);
    assertEquals((await scene.asked()).filter((line) => /"\w+ \/[ ?]/.test(line)), [], "port 80 was asked");
  },
);

networkTest("the password's answer comes as it is, with a length, and is never kept or shared", ROUTER, async () => {
  await using scene = await createScene({ args: ["--password-service", "--cache-ttl", "1h"] });
  const server = await startPasswordServer(scene.router.host, PASSWORDS);
  const { status, body } = await ask(scene, "send_my_password", ["--include"]);
  assertEquals(status, 200);
  assertMatch(body, new RegExp(`\\r\\ncontent-length: ${PASSWORD.length}\\r\\n`, "i"));
  assertMatch(body, /\r\ncache-control: no-store/i);
  assertEquals(body.split("\r\n\r\n")[1], PASSWORD);
  await Promise.all(Array.from({ length: 8 }, () => ask(scene)));
  assertEquals(heard(server.lines).length, 9);
});

networkTest("a request for the password that fails is made once, wherever the router is by then", ROUTER, async () => {
  await using scene = await createScene({ args: ["--password-service"] });
  const cut = await startPasswordServer(scene.router.host, PASSWORDS, { behaviour: "cut" });
  assertEquals((await ask(scene)).status, 502);
  assertEquals(heard(cut.lines).length, 1);
  await cut.stop();

  const hung = await startPasswordServer(scene.router.host, PASSWORDS, { behaviour: "hang" });
  const asked = ask(scene);
  await hung.waitForLine(/send_my_password/);
  // The router moves while it owes the answer: whoever is there now is not asked for it.
  await scene.router.stop();
  await hung.stop("SIGKILL");
  await scene.router.start("10.1.1.77");
  const moved = await startPasswordServer(scene.router.host, PASSWORDS);
  assertEquals((await asked).status, 502);
  assertEquals([heard(hung.lines).length, heard(moved.lines).length], [1, 0]);

  // And the next one that is made goes to where the router is.
  await scene.getUntilGood("/latest/vm-id");
  assertEquals((await ask(scene)).body, PASSWORD);
});

networkTest("whatever bears DomU_Request and is no GET is refused", ROUTER, async () => {
  await using scene = await createScene({ args: ["--password-service"] });
  const server = await startPasswordServer(scene.router.host, PASSWORDS);
  const table: readonly (readonly [args: readonly string[], status: number])[] = [
    [["--head"], 405],
    [["--request", "POST"], 405],
    [["--request", "PUT", "--header", "X-aws-ec2-metadata-token-ttl-seconds: 60"], 405],
    [["--request", "DELETE"], 405],
    [["--request", "GET", "--data", "x"], 413],
    [["--header", "X-Forwarded-For: 10.9.9.9"], 403],
    [["--header", "Host: evil.example"], 421],
  ];
  for (const [args, status] of table) assertEquals([args, (await ask(scene, undefined, args)).status], [args, status]);
  assertEquals((await ask(scene, "bad")).status, 400);
  assertEquals(heard(server.lines), []);
});

networkTest(
  "without --password-service a request for the password gets 404 and nothing that could be set as one",
  ROUTER,
  async () => {
    await using scene = await createScene();
    const server = await startPasswordServer(scene.router.host, PASSWORDS);
    for (const asks of ["send_my_password", "saved_password", "x"]) {
      const { status, body } = await ask(scene, asks);
      assertEquals([asks, status, body], [asks, 404, ""]);
    }
    const latest = await scene.get("/latest/vm-id", ["--header", "DomU_Request: send_my_password"]);
    assertEquals([latest.status, latest.body], [404, ""]);
    assertEquals(heard(server.lines), []);
  },
);

networkTest(
  "without a password server on the router a request gets 502, and the router stays the router",
  ROUTER,
  async () => {
    await using scene = await createScene({ args: ["--password-service"] });
    const { status, body } = await ask(scene);
    assertEquals([status, body], [502, ""]);
    assertEquals((await scene.get("/latest/vm-id")).status, 200);
    assertEquals(scene.program.lines.filter((line) => line.includes("suspect")), []);
  },
);
