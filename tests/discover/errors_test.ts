import { assertEquals } from "@std/assert";
import { causeKindOf, DiscoveryError, mergeCauses, toCause, ValidationError } from "../../lib/discover/errors.ts";
import type { Cause, CauseKind } from "../../lib/discover/errors.ts";
import { SourceError } from "../../lib/discover/sources/source_error.ts";
import { UpstreamError } from "../../lib/http1/error.ts";
import { CommandError } from "../../lib/system/run_ip.ts";
import { TimeoutError } from "../../lib/time/with_timeout.ts";
import { test } from "../support/test.ts";

const named = (name: string) => Object.assign(new Error("x"), { name });
const ERRORS: readonly (readonly [what: string, error: unknown, kind: CauseKind])[] = [
  ["a source's error", new SourceError("no_answer", "x"), "no_answer"],
  ["a validation's error", new ValidationError("redirect", "x"), "redirect"],
  ["the client's error", new UpstreamError("refused", "x"), "refused"],
  ["a time that is up", new TimeoutError("x"), "timeout"],
  ["a command that failed", new CommandError("x", { kind: "missing" }), "command"],
  ["a missing right", named("PermissionDenied"), "unreadable"],
  ["a right that the program denies itself", named("NotCapable"), "unreadable"],
  ["a want of descriptors", Object.assign(new Error("x"), { code: "EMFILE" }), "exhausted"],
  ["another error of the kernel's", Object.assign(new Error("x"), { code: "EIO" }), "unexpected"],
  ["another error", new TypeError("x"), "unexpected"],
  ["another error with a kind of its own", Object.assign(new Error("x"), { kind: "refused" }), "unexpected"],
  ["what is no error", "refused", "unexpected"],
];
for (const [what, error, kind] of ERRORS) {
  test(`causeKindOf takes ${what} for ${kind}`, () => assertEquals(causeKindOf(error), kind));
}

test("toCause keeps who failed and what was said", () => {
  assertEquals(toCause("dns", new UpstreamError("reset", "cut off", { cause: new Error("os error 104") })), {
    source: "dns",
    kind: "reset",
    message: "cut off: os error 104",
  });
});

/** Causes written as "source kind", which is also what they say. */
function causes(...texts: string[]): Cause[] {
  return texts.map((text) => {
    const [source, kind] = text.split(" ") as [Cause["source"], CauseKind];
    return { source, kind, message: text };
  });
}

test("DiscoveryError says what each source said, but not who was silent", () => {
  assertEquals(
    new DiscoveryError(causes("dhcp no_answer", "dns silent", "gateway refused")).message,
    "dhcp: dhcp no_answer; gateway: gateway refused",
  );
  assertEquals(new DiscoveryError(causes("dns silent")).message, "no source has anything to say");
});

const MERGED: readonly (readonly [what: string, newer: string[], older: string[], merged: string[]])[] = [
  ["the newer word", ["dhcp refused"], ["dhcp no_answer"], ["dhcp refused"]],
  ["what was said before by one that has not spoken yet", ["dhcp unfinished", "dns silent"], ["dhcp no_answer"], [
    "dhcp no_answer",
    "dns silent",
  ]],
  ["that one has never spoken", ["dhcp unfinished"], ["dns silent"], ["dhcp unfinished", "dns silent"]],
  ["all of the older ones before anything is new", [], ["dhcp no_answer", "dns silent"], [
    "dhcp no_answer",
    "dns silent",
  ]],
];
for (const [what, newer, older, merged] of MERGED) {
  test(`mergeCauses keeps ${what}`, () => {
    assertEquals(mergeCauses(causes(...newer), causes(...older)), causes(...merged));
  });
}
