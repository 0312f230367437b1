import { assert, assertEquals, assertMatch } from "@std/assert";
import { createPasswordService } from "../../lib/proxy/password_service.ts";
import type { PasswordService } from "../../lib/proxy/password_service.ts";
import { ClientGoneError, StoppingError } from "../../lib/proxy/gate/errors.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { bodyOf, createFakeClient, createFakeUpstream, createFedBody } from "../support/fakes/upstream_fakes.ts";
import type { FakeClient, FakeUpstream } from "../support/fakes/upstream_fakes.ts";
import { createVirtualClock } from "../support/fakes/virtual_clock.ts";
import type { VirtualClock } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";

interface Case {
  readonly service: {
    answer(method: string, options: { readonly asks: string }): ReturnType<PasswordService["answer"]>;
  };
  /** Those whose clients are watched. */
  readonly watched: Set<(reason: unknown) => void>;
  readonly client: FakeClient;
  readonly upstream: FakeUpstream;
  readonly clock: VirtualClock;
  readonly lines: string[];
  readonly drive: string[];
}

const TIMEOUT_MS = 15_000;

function start({ isEnabled = true, address = "10.1.1.1" } = {}): Case {
  const clock = createVirtualClock();
  const client = createFakeClient();
  const upstream = createFakeUpstream(address === "" ? undefined : address, { onReport: "same" });
  const lines: string[] = [];
  const drive: string[] = [];
  const passwords = createPasswordService({
    isEnabled,
    requestTimeoutMs: TIMEOUT_MS,
    upstream,
    client,
    driveOf: (router) =>
      router.address !== "config-drive" ? undefined : {
        take: () => Promise.resolve((drive.push("take"), "on-drive")),
        forget: () => Promise.resolve(void drive.push("forget")),
      },
    deadlines: clock.deadlines,
    now: clock.now,
    log: createLog((line) => void lines.push(line), { level: "debug", format: "text" }),
  });
  const watched: Case["watched"] = new Set();
  const watchClient = (onGone: (reason: unknown) => void) => {
    watched.add(onGone);
    return () => void watched.delete(onGone);
  };
  const service: Case["service"] = { answer: (method, { asks }) => passwords.answer(method, { asks, watchClient }) };
  return { service, watched, client, upstream, clock, lines, drive };
}

const turn = () => new Promise<void>((resolve) => queueMicrotask(resolve));
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn();
}

async function read(response: Response | Promise<Response>) {
  const { status, headers, body } = await response;
  const text = body === null ? "" : await new Response(body).text();
  return { status, text, type: headers.get("content-type"), cache: headers.get("cache-control") };
}

for (const asks of ["send_my_password", "saved_password"]) {
  test(`createPasswordService asks the router's port 8080 once for ${asks}, on a new connection`, async () => {
    const { service, client, upstream, lines } = start();
    const answer = read(service.answer("GET", { asks }));
    await turns();
    const [asked, ...others] = client.asked;
    assertEquals(others, []);
    assertEquals([asked!.address, asked!.fresh, asked!.port], ["10.1.1.1", true, 8080]);
    assertEquals(asked!.head, { method: "GET", target: "/", headers: [["DomU_Request", asks]] });
    asked!.answer(200, bodyOf("s3cret\n"));
    assertEquals(await answer, { status: 200, text: "s3cret\n", type: "text/plain", cache: "no-store" });
    assertEquals([upstream.reports, lines], [[], []]);
  });
}

test("createPasswordService passes the router's type, status and pieces on, and no body of an error or a redirection", async () => {
  const { service, client, lines } = start();
  const first = read(service.answer("GET", { asks: "send_my_password" }));
  await turns();
  const fed = createFedBody();
  client.asked[0]!.answer(203, fed, [["server", "x"], ["content-type", "text/html"]]);
  fed.feed("ab");
  fed.feed("cd");
  fed.feed(undefined);
  assertEquals(await first, { status: 203, text: "abcd", type: "text/html", cache: "no-store" });

  for (const status of [302, 400]) {
    const next = read(service.answer("GET", { asks: "send_my_password" }));
    await turns();
    const page = bodyOf("<html>");
    client.asked.at(-1)!.answer(status, page, [["location", "http://10.1.1.1/"]]);
    assertEquals(await next, { status, text: "", type: null, cache: null });
    assert(page.cancelled);
  }
  assertEquals(lines.map((line) => line.replace(/^\S+ /, "")), [
    'warn  the password service answered with an error reason="status 302" router=10.1.1.1\n',
    'warn  the password service answered with an error reason="status 400" router=10.1.1.1\n',
  ]);
});

for (const status of [204, 205]) {
  test(`createPasswordService passes a ${status} on, which has no body`, async () => {
    const { service, client, lines } = start();
    const answer = service.answer("GET", { asks: "send_my_password" });
    await turns();
    client.asked[0]!.answer(status, bodyOf(""));
    assertEquals([(await answer).status, (await answer).body, lines], [status, null, []]);
  });
}

const REFUSED: readonly [what: string, isEnabled: boolean, method: string, asks: string, status: number][] = [
  ["all when it is off", false, "GET", "send_my_password", 404],
  ["an acknowledgement when it is off", false, "GET", "saved_password", 404],
  ["a POST when it is off", false, "POST", "send_my_password", 404],
  ["HEAD", true, "HEAD", "send_my_password", 405],
  ["PUT", true, "PUT", "saved_password", 405],
  ["another value", true, "GET", "bad_request", 400],
  ["no value", true, "GET", "", 400],
];

for (const [what, isEnabled, method, asks, status] of REFUSED) {
  test(`createPasswordService refuses ${what}, and asks nobody`, async () => {
    const { service, client } = start({ isEnabled });
    const { text, status: got } = await read(service.answer(method, { asks }));
    assertEquals([got, text, client.asked.length], [status, "", 0]);
  });
}

test("createPasswordService makes a request once, though it fails and the router moves", async () => {
  const { service, client, upstream, lines } = start();
  const answer = read(service.answer("GET", { asks: "send_my_password" }));
  await turns();
  upstream.find("10.1.1.2");
  client.asked[0]!.fail("reset");
  assertEquals(await answer, { status: 502, text: "", type: null, cache: null });
  assertEquals([client.asked.length, upstream.reports], [1, []]);
  assertMatch(lines.join("\n"), /^.*the password service did not answer.*status=502.*\n$/);
});

test("createPasswordService warns once a minute of what goes wrong in one way, however often it is asked", async () => {
  const { service, client, clock, lines } = start();
  const ask = async (end: (asked: FakeClient["asked"][number]) => void) => {
    const answer = service.answer("GET", { asks: "send_my_password" });
    await turns();
    end(client.asked.at(-1)!);
    await answer;
  };
  const warnings = () => lines.splice(0).filter((line) => line.includes(" warn "));
  for (let times = 0; times < 50; times++) {
    await ask((asked) => asked.fail("reset"));
    await ask((asked) => asked.answer(500, bodyOf("")));
  }
  assertEquals(warnings().length, 2);
  await clock.run(60_000);
  await ask((asked) => asked.fail("reset"));
  assertMatch(warnings().join(""), /^\S+ warn {2}the password service did not answer reason=reset .* before=49\n$/);
});

test("createPasswordService waits for a router as long as any request, and no longer", async () => {
  const { service, client, upstream, clock } = start({ address: "" });
  const found = read(service.answer("GET", { asks: "saved_password" }));
  await turns();
  upstream.find("10.1.1.9");
  await turns();
  assertEquals(client.asked[0]!.address, "10.1.1.9");
  client.asked[0]!.answer(200, bodyOf("saved_password"));
  assertEquals((await found).text, "saved_password");

  upstream.lose();
  const late = read(service.answer("GET", { asks: "send_my_password" }));
  await clock.run(TIMEOUT_MS + 1_000);
  assertEquals((await late).status, 503);
  assertEquals(client.asked.length, 1);
});

test("createPasswordService gives 503 when the search ends without a router", async () => {
  const { service, upstream, lines } = start({ address: "" });
  const answer = read(service.answer("GET", { asks: "send_my_password" }));
  await turns();
  upstream.fail(new Error("closed"));
  assertEquals((await answer).status, 503);
  assertMatch(lines[0]!, /No router was found/);
});

test("createPasswordService gives up on a server that does not answer in time, and lets its connection go", async () => {
  const { service, client, clock, lines } = start();
  const answer = read(service.answer("GET", { asks: "send_my_password" }));
  await clock.run(TIMEOUT_MS + 1_000);
  assertEquals((await answer).status, 504);
  assert(client.asked[0]!.aborted);
  assertMatch(lines[0]!, /No password server answered in 15000 ms/);
});

test("createPasswordService counts the search for the router in the time of a request", async () => {
  const { service, upstream, clock, lines } = start({ address: "" });
  const answer = read(service.answer("GET", { asks: "send_my_password" }));
  await clock.run(10_000);
  upstream.find("10.1.1.1");
  await clock.run(TIMEOUT_MS - 10_000);
  assertEquals(lines.length, 1);
  assertEquals((await answer).status, 504);
});

for (const [error, status, logged] of [[new ClientGoneError(), 499, 0], [new StoppingError(), 503, 1]] as const) {
  test(`createPasswordService ends with its client or the program, by ${error.name}`, async () => {
    for (const [address, count] of [["10.1.1.1", 1], ["", 0]] as const) {
      const { service, watched, client, lines } = start({ address });
      const answer = read(service.answer("GET", { asks: "send_my_password" }));
      await turns();
      for (const end of watched) end(error);
      assertEquals((await answer).status, status);
      assertEquals(client.asked.map(({ aborted }) => aborted), new Array(count).fill(true));
      assertEquals([watched.size, lines.length], [0, logged]);
    }
  });
}

test("createPasswordService gives up on an answer that does not end in time, and on none that did", async () => {
  const { service, client, clock } = start();
  const whole = read(service.answer("GET", { asks: "send_my_password" }));
  await turns();
  client.asked[0]!.answer(200, bodyOf("secret"));
  assertEquals((await whole).text, "secret");
  await clock.run(TIMEOUT_MS);
  assertEquals(client.asked[0]!.aborted, false);
  const half = read(service.answer("GET", { asks: "send_my_password" }));
  await turns();
  const body = createFedBody();
  body.feed("sec");
  client.asked[1]!.answer(200, body);
  await clock.run(TIMEOUT_MS - 1);
  assertEquals(body.cancelled, false);
  await clock.run(1);
  assertEquals(body.cancelled, true);
  body.fail("reset");
  assertEquals((await half).status, 504);
});

test("createPasswordService takes no answer that is longer than any password", async () => {
  const { service, client } = start();
  const fits = read(service.answer("GET", { asks: "send_my_password" }));
  await turns();
  client.asked[0]!.answer(200, bodyOf("x".repeat(4_096)));
  assertEquals((await fits).text.length, 4_096);
  const answer = read(service.answer("GET", { asks: "send_my_password" }));
  await turns();
  const body = bodyOf("x".repeat(4_097));
  client.asked[1]!.answer(200, body);
  assertEquals([(await answer).status, body.cancelled], [502, true]);
});

test("createPasswordService answers from the drive while that is in force, and tells it what was saved", async () => {
  const { service, client, drive } = start({ address: "config-drive" });
  const fetched = await read(service.answer("GET", { asks: "send_my_password" }));
  assertEquals(fetched, { status: 200, text: "on-drive", type: "text/plain", cache: "no-store" });
  assertEquals((await read(service.answer("GET", { asks: "saved_password" }))).text, "saved_password");
  assertEquals([drive, client.asked.length], [["take", "forget"], 0]);
});
