import { assertEquals } from "@std/assert";
import { runDemo } from "../../tools/docs.ts";
import { TRANSCRIPT } from "../../tools/docs/demo_picture.ts";
import { networkTest } from "../support/net/network_test.ts";

/** The router is asked in two ways at once, and may hear either first. */
const inAnyOrder = (transcript: string) => transcript.split("\n").sort();

networkTest("README's picture shows what the demo prints", {}, async () => {
  assertEquals(
    inAnyOrder(await runDemo()),
    inAnyOrder(await Deno.readTextFile(TRANSCRIPT)),
    "run ./dev docs --demo",
  );
});
