import { assert, assertEquals } from "@std/assert";
import type { Proposal } from "../../lib/discover/candidate.ts";
import { createCandidates } from "../../lib/discover/candidates.ts";
import type { Candidates, CandidatesOptions } from "../../lib/discover/candidates.ts";
import { parseCidr } from "../../lib/ipv4/ipv4.ts";
import { createVirtualClock, settle } from "../support/fakes/virtual_clock.ts";
import { test } from "../support/test.ts";

const SOURCES: Proposal["source"][] = ["server", "dhcp", "dns", "gateway", "config_drive"];

/** A validation under way. */
interface Validation {
  readonly address: string;
  readonly at: number;
  connect(): void;
  isEnded(): boolean;
  /** Ends it with an instance-id, or why there is none. */
  end(outcome: string | Error): Promise<void>;
}

interface Field {
  readonly candidates: Candidates;
  /** Every validation that was begun, in order. */
  readonly begun: Validation[];
  readonly changes: () => number;
  propose(address: string, source?: Proposal["source"], more?: Partial<Proposal>): void;
  /** What is known of one. */
  of(address: string): ReturnType<Candidates["list"]>[number] | undefined;
  run(ms: number): Promise<void>;
  /** Ends the search. */
  end(): void;
}

/** Plays with candidates whose validations end when the test says so; those of the second interface are on 10.2. */
async function play(
  act: (field: Field) => void | Promise<void>,
  options: Partial<CandidatesOptions> = {},
): Promise<void> {
  const clock = createVirtualClock();
  const startedAt = clock.now();
  const over = new AbortController();
  const begun: Validation[] = [];
  const tasks: Promise<void>[] = [];
  let changes = 0;
  const candidates = createCandidates({
    config: { sources: SOURCES, server: undefined, allowServer: [] },
    network: {
      isOnLink: (address) => address.startsWith("10."),
      isOwn: (address) => address === "10.1.1.50",
      interfaceRank: (iface) => Number(iface === "eth1"),
    },
    gateways: () => new Set(),
    validate: (address, signal, onConnected = () => {}) => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      signal.addEventListener("abort", () => reject(signal.reason));
      begun.push({
        address,
        at: clock.now() - startedAt,
        connect: onConnected,
        isEnded: () => signal.aborted,
        end(outcome) {
          if (typeof outcome === "string") resolve(outcome);
          else reject(outcome);
          return settle();
        },
      });
      return promise;
    },
    clock,
    identity: undefined,
    signal: over.signal,
    patienceMs: 10_000,
    retryMs: 1_000,
    onChange: () => void (changes += 1),
    onTask: (task) => void tasks.push(task),
    ...options,
  });
  await act({
    candidates,
    begun,
    changes: () => changes,
    propose: (address, source = "dhcp", more = {}) => candidates.propose(address, { source, iface: "eth0", ...more }),
    of: (address) => candidates.list().find((candidate) => candidate.address === address),
    run: (ms) => clock.run(ms),
    end: () => over.abort(),
  });
  over.abort();
  await clock.run(0);
  await Promise.all(tasks);
}

const NO = new Error("refused");
const REMEMBERED = { isRemembered: true };

test("createCandidates.prospect is the only one asked that accepted a connection and has been silent for so long", () =>
  play(async ({ candidates, begun, propose, run }) => {
    const prospect = () => candidates.prospect(1_000)?.address;
    propose("10.1.1.1");
    await run(1_000);
    assertEquals(prospect(), undefined, "it accepted no connection");
    begun[0]!.connect();
    assertEquals(prospect(), "10.1.1.1");
    propose("10.1.1.2");
    assertEquals(prospect(), undefined, "there is another");
    begun[1]!.connect();
    await begun[1]!.end(NO);
    assertEquals(prospect(), "10.1.1.1", "the other is none");
    await run(4_000);
    await begun.at(-1)!.end("i-1");
    assertEquals(prospect(), undefined, "the other is one");
  }));

test("createCandidates.prospect gives whoever accepted a connection its time", () =>
  play(async ({ candidates, begun, propose, run }) => {
    await run(5_000);
    propose("10.1.1.1");
    await settle();
    begun[0]!.connect();
    await run(999);
    assertEquals(candidates.prospect(1_000), undefined);
    await run(1);
    assertEquals(candidates.prospect(1_000)?.address, "10.1.1.1");
  }));

test("createCandidates.answered asks for the proof again that got lost, and not more often than it can come", () =>
  play(async ({ candidates, begun, propose, of, run }) => {
    propose("10.1.1.1");
    begun[0]!.connect();
    await run(200);
    candidates.answered("10.1.1.1");
    assertEquals(begun.length, 1, "it may still come");
    await run(1_000);
    candidates.answered("10.1.1.1");
    candidates.answered("10.1.1.1");
    candidates.answered("10.1.1.2");
    assertEquals(begun.map(({ address }) => address), ["10.1.1.1", "10.1.1.1"]);
    await begun[1]!.end("i-1");
    assertEquals(of("10.1.1.1")?.state, "valid");
    await run(1_000);
    candidates.answered("10.1.1.1");
    assertEquals(begun.length, 2, "it has proven itself");
  }));

test("createCandidates.hasBetterPending tells whether somebody better is still being asked", () =>
  play(async ({ candidates, begun, propose }) => {
    propose("192.0.2.1", "dns");
    await begun[0]!.end("i-1");
    const leader = candidates.best()!;
    assertEquals([leader.address, candidates.hasBetterPending(leader)], ["192.0.2.1", false]);
    propose("192.0.2.2", "dns");
    assertEquals(candidates.hasBetterPending(leader), false, "the other is worse");
    propose("10.1.1.1", "dhcp");
    assertEquals(candidates.hasBetterPending(leader), true);
    await begun[2]!.end(NO);
    assertEquals(candidates.hasBetterPending(leader), false, "decided on");
  }));

test("createCandidates.isSecondary tells who is on another interface than the best", () =>
  play(async ({ candidates, begun, propose }) => {
    propose("10.2.2.1", "dhcp", { iface: "eth1" });
    await begun[0]!.end("i-1");
    assert(candidates.isSecondary(candidates.best()!));
    propose("10.1.1.1", "dhcp");
    await begun[1]!.end("i-1");
    assertEquals(candidates.best()!.address, "10.1.1.1");
    assert(!candidates.isSecondary(candidates.best()!));
  }));

test("createCandidates keeps the time when each came to its state", () =>
  play(async ({ begun, propose, of, run }) => {
    await run(5);
    propose("10.1.1.1");
    propose("10.1.1.50");
    await run(15);
    assertEquals([of("10.1.1.1")!.elapsedMs, of("10.1.1.50")!.elapsedMs], [5, 5]);
    await begun[0]!.end(NO);
    assertEquals([of("10.1.1.1")!.state, of("10.1.1.1")!.elapsedMs], ["invalid", 20]);
    await run(2_000);
    await begun[1]!.end(NO);
    assertEquals(of("10.1.1.1")!.elapsedMs, 20, "it is what it was");
    await run(2_000);
    await begun[2]!.end("i-1");
    assertEquals([of("10.1.1.1")!.state, of("10.1.1.1")!.elapsedMs], ["valid", 4_020]);
  }));

test("createCandidates takes one of another identity for foreign, and says whose metadata it serves", () =>
  play(async ({ candidates, begun, propose, of }) => {
    propose("10.1.1.2");
    propose("10.1.1.1");
    for (const validation of begun) await validation.end("i-6-66-VM");
    assertEquals([candidates.best(), candidates.bestForeign()?.address], [undefined, "10.1.1.1"]);
    const { state, identity, failure } = of("10.1.1.1")!;
    assertEquals([state, identity, (failure as Error).message], [
      "foreign",
      "i-6-66-VM",
      "serves the metadata of i-6-66-VM, this machine's is i-2-50-VM",
    ]);
  }, { identity: "i-2-50-VM" }));

test("createCandidates asks again a while after a failure, and beside one that hangs another time", () =>
  play(async ({ begun, propose, run }) => {
    propose("10.1.1.1");
    await begun[0]!.end(NO);
    await run(1_250);
    assertEquals(begun.length, 2);
    assert(begun[1]!.at >= 750);
    await run(5_400);
    const pauseMs = begun[2]!.at - begun[1]!.at;
    assert(pauseMs >= 4_500 && pauseMs <= 5_400, `${pauseMs} ms`);
    assertEquals(begun.length, 3);
  }));

test("createCandidates ends whatever else it asks a router that has proved itself", () =>
  play(async ({ begun, propose, run }) => {
    propose("10.1.1.1");
    await run(5_400);
    await begun[1]!.end("i-1");
    assertEquals(begun.map((validation) => validation.isEnded()), [true, true]);
  }));

test("createCandidates takes nothing back of a router's proof, and asks it no more", () =>
  play(async ({ candidates, begun, propose, of, run }) => {
    propose("10.1.1.1", "dhcp", REMEMBERED);
    await run(300);
    propose("10.1.1.1", "dns");
    assertEquals(begun.length, 2);
    await begun[1]!.end("i-1");
    await begun[0]!.end(NO);
    assertEquals([of("10.1.1.1")!.state, of("10.1.1.1")!.failure], ["valid", undefined]);
    await run(300);
    propose("10.1.1.1", "gateway");
    await run(60_000);
    assertEquals([begun.length, candidates.best()?.address], [2, "10.1.1.1"]);
  }));

test("createCandidates asks again at once whoever another source names, unless it was asked just now", () =>
  play(async ({ begun, propose, run }) => {
    propose("10.1.1.1", "dhcp");
    await begun[0]!.end(NO);
    await run(250);
    propose("10.1.1.1", "dns");
    assertEquals(begun.length, 1, "asked just now");
    await run(1);
    propose("10.1.1.1", "dhcp");
    assertEquals(begun.length, 1, "no news");
    propose("10.1.1.1", "gateway");
    assertEquals(begun.length, 2);
  }));

test("createCandidates asks one of another identity again when somebody else names it", () =>
  play(async ({ begun, propose, run, of }) => {
    propose("10.1.1.1", "dhcp");
    await begun[0]!.end("i-6-66-VM");
    await run(300);
    propose("10.1.1.1", "dns");
    await begun[1]!.end("i-2-50-VM");
    assertEquals(of("10.1.1.1")!.state, "valid");
  }, { identity: "i-2-50-VM" }));

test("createCandidates waits for one that is slow rather than ask it twice, unless nobody had named it", () =>
  play(async ({ begun, propose, run }) => {
    propose("10.1.1.1", "dhcp");
    propose("10.1.1.2", "dhcp", REMEMBERED);
    await run(300);
    propose("10.1.1.1", "dns");
    assertEquals(begun.length, 2);
    propose("10.1.1.2", "dns");
    assertEquals(begun.map(({ address }) => address), ["10.1.1.1", "10.1.1.2", "10.1.1.2"]);
    await run(300);
    propose("10.1.1.2", "gateway");
    assertEquals(begun.length, 3, "it is named now");
  }));

test("createCandidates lists who named each, the most trusted first and each once, and forgets that one was remembered", () =>
  play(({ propose, of, changes }) => {
    propose("10.1.1.1", "dhcp", REMEMBERED);
    propose("10.1.1.1", "gateway");
    propose("10.1.1.1", "dns");
    const named = () => of("10.1.1.1")!.proposals.map((it) => `${it.source}${it.isRemembered ? "?" : ""}`);
    assertEquals(named(), ["dhcp?", "dns", "gateway"]);
    propose("10.1.1.1", "dhcp");
    assertEquals(named(), ["dhcp", "dns", "gateway"]);
    const before = changes();
    propose("10.1.1.1", "dhcp");
    assertEquals([named(), changes()], [["dhcp", "dns", "gateway"], before]);
  }));

test("createCandidates takes one that a source names on two interfaces for the better one's, whichever comes first", async () => {
  for (const order of [["eth0", "eth1"], ["eth1", "eth0"]]) {
    await play(({ candidates, propose, of }) => {
      for (const iface of order) propose("10.1.1.1", "dhcp", { iface });
      propose("10.1.1.1", "dhcp", { iface: "eth1" });
      const { proposals } = of("10.1.1.1")!;
      assertEquals(proposals.map(({ iface }) => iface), ["eth0"]);
      assert(!candidates.isSecondary(of("10.1.1.1")!));
    });
  }
});

test("createCandidates says when somebody was added, named again, or decided on", () =>
  play(async ({ begun, propose, changes }) => {
    propose("10.1.1.1", "dhcp");
    assertEquals(changes(), 1);
    propose("10.1.1.1", "dns");
    assertEquals(changes(), 2);
    await begun[0]!.end(NO);
    assertEquals(changes(), 3);
    propose("127.0.0.1", "dns");
    assertEquals(changes(), 4);
  }));

test("createCandidates refuses who can or may be no router, but never a config drive", () =>
  play(({ begun, propose, of }) => {
    const kinds = ["10.1.1.0", "10.1.1.255", "10.1.2.1", "10.1.1.50", "224.0.0.1", "nobody", "config-drive"]
      .map((address) => {
        propose(address);
        return (of(address)!.failure as { kind?: string } | undefined)?.kind;
      });
    assertEquals(kinds, [undefined, undefined, "not_allowed", "own_address", "unusable", "unusable", undefined]);
    assertEquals(begun.map(({ address }) => address), ["10.1.1.0", "10.1.1.255", "config-drive"]);
  }, {
    config: {
      sources: SOURCES,
      server: undefined,
      allowServer: [parseCidr("192.0.2.0/24")!, parseCidr("10.1.1.0/24")!],
    },
  }));

test("createCandidates finds a config drive on the machine, and others where the network says so", () =>
  play(({ propose, of }) => {
    const addresses = ["config-drive", "10.1.1.1", "192.0.2.1"];
    for (const address of addresses) propose(address);
    assertEquals(addresses.map((address) => of(address)!.isOnLink), [true, true, false]);
  }));

test("createCandidates reports sixteen of those that are refused, who take no place from others", () =>
  play(({ candidates, propose }) => {
    for (let host = 0; host < 100; host++) propose(`127.0.0.${host}`);
    assertEquals(candidates.list().length, 16);
    propose("10.1.1.1");
    assertEquals(candidates.list().length, 17);
  }));

for (const outcome of ["i-6-66-VM", NO]) {
  test(`createCandidates asks no more who gave way after ${outcome instanceof Error ? "a failure" : "another id"}`, () =>
    play(async ({ candidates, begun, propose, of, run }) => {
      for (let host = 1; host <= 16; host++) propose(`10.1.1.${host}`);
      await begun[6]!.end(outcome);
      propose("10.1.2.1");
      propose("10.1.2.2");
      assertEquals([of("10.1.1.7"), of("10.1.2.2"), candidates.list().length], [undefined, undefined, 16]);
      await run(60_000);
      assertEquals(begun.filter(({ address }) => address === "10.1.1.7").length, 1);
    }, { identity: "i-2-50-VM" }));
}

test("createCandidates keeps a router that has proven itself, whoever else is named later", () =>
  play(async ({ candidates, begun, propose, run }) => {
    propose("10.1.1.1");
    await begun[0]!.end("i-1");
    for (let host = 100; host < 115; host++) propose(`10.1.1.${host}`);
    await run(1_000);
    for (let host = 200; host < 216; host++) propose(`10.1.1.${host}`);
    assertEquals([candidates.best()?.address, candidates.list().length], ["10.1.1.1", 16]);
  }));

test("createCandidates needs no place for who was good until a moment ago", () =>
  play(({ propose, of }) => {
    for (let host = 1; host <= 16; host++) propose(`10.1.1.${host}`);
    propose("10.1.2.1", "dhcp", REMEMBERED);
    assert(of("10.1.2.1") !== undefined);
  }));

test("createCandidates gives up on a validation when its patience is over", () =>
  play(async ({ begun, propose, run, of }) => {
    propose("10.1.1.1");
    await run(2_000);
    assertEquals(of("10.1.1.1")!.state, "undecided");
    assertEquals(begun.length, 1);
    await run(1_000);
    assertEquals([of("10.1.1.1")!.state, (of("10.1.1.1")!.failure as Error).message], [
      "invalid",
      "no answer within 3000 ms",
    ]);
  }, { patienceMs: 3_000 }));

test("createCandidates ends every validation with the search, decides nothing any more and takes nobody in", () =>
  play(async ({ candidates, begun, propose, of, run, end, changes }) => {
    propose("10.1.1.1");
    const before = changes();
    end();
    await run(60_000);
    assertEquals([of("10.1.1.1")!.state, changes(), begun.length], ["undecided", before, 1]);
    propose("10.1.1.2");
    propose("10.1.1.1", "dns");
    assertEquals([candidates.list().length, of("10.1.1.1")!.proposals.length], [1, 1]);
  }));
