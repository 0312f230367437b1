import { assertEquals } from "@std/assert";
import { describeUserData, fetchUserData } from "../../../lib/discover/command/fetch_user_data.ts";
import type { Client } from "../../../lib/http1/client.ts";
import { UpstreamError } from "../../../lib/http1/error.ts";
import { SYSTEM_CLOCK } from "../../../lib/time/clock.ts";
import { createVirtualClock } from "../../support/fakes/virtual_clock.ts";
import { test } from "../../support/test.ts";

/** A router that sends these chunks, and then fails or ends. */
function clientOf(chunks: readonly number[], { failure, length }: { failure?: Error; length?: number } = {}) {
  const asked: string[] = [];
  const rest = [...chunks];
  const client: Pick<Client, "request"> = {
    request(address, { target }, { fresh }) {
      asked.push(`${address}${target}${fresh ? " over a new connection" : ""}`);
      if (chunks.length === 0 && failure !== undefined) return Promise.reject(failure);
      return Promise.resolve({
        status: 200,
        headers: [],
        reused: false,
        body: {
          length,
          read() {
            const next = rest.shift();
            if (next !== undefined) return Promise.resolve(new Uint8Array(next));
            return failure === undefined ? Promise.resolve(undefined) : Promise.reject(failure);
          },
          takeWhole: () => undefined,
          cancel() {},
        },
      });
    },
  };
  return { client, asked };
}

const SILENT = new UpstreamError("idle_timeout", "The router sent nothing for 5000 ms");

test("fetchUserData counts what comes, and says nothing of what is whole", async () => {
  const { client, asked } = clientOf([1_000, 24], { length: 1_024 });
  const report = await fetchUserData(client, "10.1.1.1", SYSTEM_CLOCK);
  assertEquals(asked, ["10.1.1.1/latest/user-data over a new connection"]);
  assertEquals(report, { status: 200, bytes: 1_024, length: 1_024, failure: undefined });
  assertEquals(describeUserData(report), undefined);
});

test("fetchUserData says how much came of what did not come whole", async () => {
  const cut = await fetchUserData(
    clientOf([1_000, 300], { failure: SILENT, length: 32_000 }).client,
    "10.1.1.1",
    SYSTEM_CLOCK,
  );
  assertEquals(
    describeUserData(cut),
    "/latest/user-data: 1300 of 32000 bytes came (The router sent nothing for 5000 ms)",
  );
  const chunked = await fetchUserData(clientOf([7], { failure: SILENT }).client, "10.1.1.1", SYSTEM_CLOCK);
  assertEquals(describeUserData(chunked), "/latest/user-data: 7 bytes came (The router sent nothing for 5000 ms)");
});

test("fetchUserData says that nothing came", async () => {
  const report = await fetchUserData(clientOf([], { failure: SILENT }).client, "10.1.1.1", SYSTEM_CLOCK);
  assertEquals(report.status, undefined);
  assertEquals(describeUserData(report), "/latest/user-data: nothing came (The router sent nothing for 5000 ms)");
});

/** A router that never ends its answer: it sends so much each time that it is read. */
function endlessClient(read: () => Promise<Uint8Array<ArrayBuffer>>) {
  const body = { length: undefined, read, takeWhole: () => undefined, cancel() {} };
  const signals: AbortSignal[] = [];
  const client: Pick<Client, "request"> = {
    request(_address, _head, { signal }) {
      signals.push(signal);
      return Promise.resolve({ status: 200, headers: [], body });
    },
  };
  return { client, isGivenUp: () => signals.every(({ aborted }) => aborted) };
}

test("fetchUserData has enough of an answer that is larger than any user-data", async () => {
  const { client, isGivenUp } = endlessClient(() => Promise.resolve(new Uint8Array(1024 * 1024)));
  const { bytes, failure } = await fetchUserData(client, "10.1.1.1", SYSTEM_CLOCK);
  assertEquals([bytes, failure, isGivenUp()], [5 * 1024 * 1024, undefined, true]);
});

test("fetchUserData gives up on an answer that trickles for ever", async () => {
  const clock = createVirtualClock();
  const pause = () => clock.sleep(4_000, new AbortController().signal);
  const { client, isGivenUp } = endlessClient(async () => (await pause(), new Uint8Array(1)));
  const fetching = fetchUserData(client, "10.1.1.1", clock);
  await clock.run(30_000);
  const report = await fetching;
  assertEquals(describeUserData(report), "/latest/user-data: 7 bytes came (no answer within 30000 ms)");
  assertEquals(isGivenUp(), true);
  await clock.run(4_000);
});
