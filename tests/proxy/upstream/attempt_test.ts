import { assertEquals, assertStrictEquals } from "@std/assert";
import type { ResponseBody } from "../../../lib/http1/message.ts";
import { Attempt } from "../../../lib/proxy/upstream/attempt.ts";
import { latin1 } from "../../support/latin1.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";
import { bodyOf, createFakeClient, createFedBody } from "../../support/fakes/upstream_fakes.ts";
import { test } from "../../support/test.ts";

/** What an attempt makes of the body of a good answer. */
async function takeIn(body: ResponseBody): Promise<Uint8Array | ResponseBody | undefined> {
  const client = createFakeClient();
  const attempt = new Attempt({ address: "10.1.1.1" }, { method: "GET", target: "/latest/vm-id", headers: [] }, {
    ...{ client, deadlines: createVirtualClock().deadlines, askedAt: 0, fresh: false, hedgeAfterMs: 1_000 },
    ...{ onHead() {}, onSilent() {} },
  });
  client.asked[0]!.answer(200, body);
  return (await attempt.response).body;
}

test("Attempt takes a body that has come with its head, and waits for one that has not", async () => {
  const rows: [string, ResponseBody][] = [["hello", bodyOf("hello")], ["", bodyOf("")], ["late", feed("la", "te")]];
  for (const [text, body] of rows) assertEquals(latin1(await takeIn(body) as Uint8Array), text);
});

test("Attempt takes a body that says it is of just the size that may be held", async () => {
  assertEquals((await takeIn(bodyOf("x".repeat(65_536))) as Uint8Array).length, 65_536);
});

test("Attempt does not begin with a body that says it is large, whether it has come or not", async () => {
  for (const body of [bodyOf("x".repeat(65_537)), createFedBody(65_537)]) assertStrictEquals(await takeIn(body), body);
});

function feed(...pieces: string[]): ResponseBody {
  const body = createFedBody();
  for (const piece of [...pieces, undefined]) body.feed(piece);
  return body;
}
