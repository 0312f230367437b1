import { assertEquals } from "@std/assert";
import { describeUserData, fetchUserData } from "../../../lib/discover/command/fetch_user_data.ts";
import type { Client } from "../../../lib/http1/client.ts";
import { UpstreamError } from "../../../lib/http1/error.ts";
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

const { signal } = new AbortController();
const SILENT = new UpstreamError("idle_timeout", "The router sent nothing for 5000 ms");

test("fetchUserData counts what comes, and says nothing of what is whole", async () => {
  const { client, asked } = clientOf([1_000, 24], { length: 1_024 });
  const report = await fetchUserData(client, "10.1.1.1", signal);
  assertEquals(asked, ["10.1.1.1/latest/user-data over a new connection"]);
  assertEquals(report, { status: 200, bytes: 1_024, length: 1_024, failure: undefined });
  assertEquals(describeUserData(report), undefined);
});

test("fetchUserData says how much came of what did not come whole", async () => {
  const cut = await fetchUserData(
    clientOf([1_000, 300], { failure: SILENT, length: 32_000 }).client,
    "10.1.1.1",
    signal,
  );
  assertEquals(
    describeUserData(cut),
    "/latest/user-data: 1300 of 32000 bytes came (The router sent nothing for 5000 ms)",
  );
  const chunked = await fetchUserData(clientOf([7], { failure: SILENT }).client, "10.1.1.1", signal);
  assertEquals(describeUserData(chunked), "/latest/user-data: 7 bytes came (The router sent nothing for 5000 ms)");
});

test("fetchUserData says that nothing came", async () => {
  const report = await fetchUserData(clientOf([], { failure: SILENT }).client, "10.1.1.1", signal);
  assertEquals(report.status, undefined);
  assertEquals(describeUserData(report), "/latest/user-data: nothing came (The router sent nothing for 5000 ms)");
});
