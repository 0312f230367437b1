import { assertEquals } from "@std/assert";
import { hmacSha256, sha256 } from "../../../lib/proxy/tokens/sha256.ts";
import { test } from "../../support/test.ts";

const digest = async (bytes: Uint8Array<ArrayBuffer>) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

test("sha256 agrees with the platform's at every length around a block", async () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = crypto.getRandomValues(new Uint8Array(length));
    assertEquals(sha256(bytes), await digest(bytes), `${length} bytes`);
  }
  const long = new Uint8Array(100_000).fill(0xa5);
  assertEquals(sha256(long), await digest(long));
});

test("hmacSha256 agrees with the platform's for keys up to a block", async () => {
  for (const length of [1, 32, 63, 64]) {
    const bytes = crypto.getRandomValues(new Uint8Array(length));
    const message = crypto.getRandomValues(new Uint8Array(length + 5));
    const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    assertEquals(hmacSha256(bytes, message), new Uint8Array(await crypto.subtle.sign("HMAC", key, message)));
  }
});
