import { assertEquals, assertRejects } from "@std/assert";
import { OPTIONS, variableOf } from "../../lib/config/options.ts";
import { writeDrive } from "../support/fakes/drive_folder.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, LISTEN, SERVERS } from "../support/scene.ts";
import { sampleMetadata } from "../support/servers/metadata.ts";
import { GUEST } from "../support/servers/router.ts";
import { test } from "../support/test.ts";
import { filePath } from "../../tools/file_path.ts";

// What the options do that no other file has a reason to try.
//
//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const VM_ID = "/latest/vm-id";
const OWN = `Host: ${LISTEN.host}`;

networkTest("--max-url is the longest URL that passes, to the byte", SERVERS, async () => {
  await using scene = await createScene({ args: ["--max-url", "300"] });
  const urlOf = (length: number) => `${VM_ID}?`.padEnd(length, "a");
  assertEquals((await scene.get(urlOf(300))).status, 200);
  const { status, body } = await scene.get(urlOf(301));
  assertEquals([status, body], [414, ""]);
});

networkTest(
  "--max-header is what the fields of a request may take, to the byte, in one piece or in two",
  SERVERS,
  async () => {
    await using scene = await createScene({ args: ["--max-header", "2k"] });
    // As short as fields can be, and as many: each byte counts once.
    const short = `Host:${LISTEN.host}\r\n${Array.from({ length: 98 }, (_, i) => `X${i}:y\r\n`).join("")}`;
    const headOf = (bytes: number, fields: string) =>
      `GET ${VM_ID} HTTP/1.1\r\n${fields}X-Long:${
        "a".repeat(bytes - fields.length - "X-Long:\r\n\r\n".length)
      }\r\n\r\n`;
    const ask = async (head: string, cut: number) => {
      using exchange = await scene.open();
      await exchange.send(head.slice(0, cut));
      await exchange.send(head.slice(cut));
      const { status, body } = await exchange.receive();
      return [status, body.length > 0];
    };
    for (const fields of [`${OWN}\r\n`, short]) {
      for (const cut of [0, 20, 1_000, -4, -1]) {
        assertEquals(await ask(headOf(2_048, fields), cut), [200, true], `${cut}`);
        assertEquals(await ask(headOf(2_049, fields), cut), [431, false], `${cut}`);
      }
    }
  },
);

networkTest("--max-connections: for one more, the one idle for longest is closed", SERVERS, async () => {
  await using scene = await createScene({ args: ["--max-connections", "3", "--cache-ttl", "1m"] });
  const ask = async (exchange: Awaited<ReturnType<typeof scene.open>>) => {
    await exchange.send(`GET ${VM_ID} HTTP/1.1\r\n${OWN}\r\n\r\n`);
    return (await exchange.receive()).status;
  };
  using first = await scene.open();
  using second = await scene.open();
  using third = await scene.open();
  for (const exchange of [second, first, third]) assertEquals(await ask(exchange), 200);
  using fourth = await scene.open();
  assertEquals(await ask(fourth), 200);
  assertEquals(await second.rest(), new Uint8Array(), "the one that rested longest was not closed");
  for (const exchange of [first, third, fourth]) assertEquals(await ask(exchange), 200);
});

networkTest(
  "--max-connections may be as few as 1, 2 or 3: who asks gets in where others hold all, and say nothing",
  SERVERS,
  async () => {
    await using scene = await createScene({ args: "none" });
    for (const places of [1, 2, 3]) {
      const program = await scene.startProgram(["--max-connections", `${places}`, "--cache-ttl", "1m"]);
      using holders = new DisposableStack();
      for (const said of ["", "GET /latest", `GET ${VM_ID} HTTP/1.1\r\n${OWN}\r\n\r\n`]) {
        // To be answered from what is stored, to be asked for, and both again.
        for (
          const path of [VM_ID, `${VM_ID}?${places}${said.length}`, VM_ID, `${VM_ID}?again${places}${said.length}`]
        ) {
          for (let place = 0; place < places; place++) await holders.use(await scene.open()).send(said);
          assertEquals((await scene.get(path)).status, 200, `${path} beside ${places} of ${JSON.stringify(said)}`);
        }
      }
      await program.stop();
    }
  },
);

networkTest("--transfer-timeout cuts an answer that takes longer", SERVERS, async () => {
  const metadata = { ...sampleMetadata(GUEST.address), large: new Uint8Array(20_000_000) };
  await using scene = await createScene({
    router: { metadata: { [GUEST.address]: metadata }, extra: "limit_rate 100k;" },
    args: ["--transfer-timeout", "1s"],
  });
  using exchange = await scene.open();
  await exchange.send(`GET /latest/large HTTP/1.1\r\n${OWN}\r\n\r\n`);
  await assertRejects(() => exchange.receive(), Error, "ended");
  await scene.router.web.waitForLine(/"GET \/latest\/large HTTP\/1\.1"/);
});

networkTest("--cache-size is what stored answers may take: none is kept that does not fit", SERVERS, async () => {
  await using scene = await createScene({ args: ["--cache-ttl", "1m", "--cache-size", "0"] });
  for (let times = 0; times < 2; times++) assertEquals((await scene.get(VM_ID)).status, 200);
  assertEquals((await scene.asked(VM_ID)).length, 2);
});

networkTest("--config-drive names another folder for the copy of a drive", SERVERS, async () => {
  const folder = "/run/mdproxy4cs-root/another";
  await using scene = await createScene({
    router: "none",
    args: ["--config-drive", folder],
    async prepare({ network, guest }) {
      await writeDrive(`${network.folder}/drive`, sampleMetadata(GUEST.address));
      await guest.must(["sh", "-ec", 'mkdir -p "${2%/*}"; cp -rp "$1" "$2"', "sh", `${network.folder}/drive`, folder]);
    },
  });
  assertEquals((await scene.get(VM_ID)).body, `vm-${GUEST.address}`);
});

test("every option is tried end to end, by its flag or its variable", async () => {
  const folder = filePath(".", import.meta.url);
  let tests = "";
  for await (const { name } of Deno.readDir(folder)) tests += await Deno.readTextFile(`${folder}/${name}`);
  const isTried = (flag: string) => new RegExp(`--${flag}\\b(?!-)|${variableOf(flag)}\\b`).test(tests);
  assertEquals(OPTIONS.map(({ flag }) => flag).filter((flag) => !isTried(flag)), []);
});
