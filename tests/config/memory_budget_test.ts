import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../lib/config/config_error.ts";
import { checkMemory, MEMORY_BYTES, sumOfLimits } from "../../lib/config/memory_budget.ts";
import { OPTIONS } from "../../lib/config/options.ts";
import type { Flag } from "../../lib/config/options.ts";
import { readConfig } from "../../lib/config/read_config.ts";
import { filePath } from "../../tools/file_path.ts";
import { test } from "../support/test.ts";

const MIB = 1024 ** 2;
const read = (flags: Partial<Record<Flag, string>> = {}) =>
  readConfig({ flags: new Map(Object.entries(flags) as [Flag, string][]), environment: () => undefined }).proxy;

test("the limits are measured against the unit's MemoryMax", async () => {
  const unit = await Deno.readTextFile(filePath("../../assets/mdproxy4cs.service", import.meta.url));
  assertEquals(Number(/^MemoryMax=(\d+)M$/m.exec(unit)?.[1]) * MIB, MEMORY_BYTES);
});

test("sumOfLimits counts heads twice, bodies on their way, and what is kept", () => {
  const base = read({
    "max-connections": "1",
    "max-requests": "1",
    "max-url": "256",
    "max-header": "256",
    "cache-size": "0",
  });
  const more = (flag: Flag, value: string) => sumOfLimits({ ...base, ...pick(flag, value) }) - sumOfLimits(base);
  const pick = (flag: Flag, value: string) => {
    const row = OPTIONS.find((row) => row.flag === flag)!;
    return { [row.place.split(".")[1]!]: row.parse(value, () => {}) };
  };
  assertEquals(more("max-connections", "2"), 2 * 512);
  assertEquals(more("max-url", "1k"), 2 * 768);
  assertEquals(more("max-header", "1k"), 2 * 768);
  assertEquals(more("max-requests", "3"), 2 * MIB);
  assertEquals(more("cache-size", "1m"), MIB);
  assertEquals(sumOfLimits(base), 64 * MIB + 1024 + MIB);
});

test("checkMemory accepts the defaults with room to spare, and each limit at its most beside the defaults of the others", () => {
  assert(sumOfLimits(read()) < 200 * MIB);
  const most = {
    "max-connections": "2048",
    "max-url": "64k",
    "max-header": "64k",
    "max-requests": "160",
    "cache-size": "16m",
  };
  for (const [flag, value] of Object.entries(most)) read({ [flag]: value });
});

test("checkMemory refuses limits that hold alone and not together, up to the byte", () => {
  const message =
    "--max-connections, --max-url, --max-header, --max-requests and --cache-size together allow 264 MiB, " +
    "and must stay within the 256 MiB of the unit: lower one of them";
  const error = assertThrows(() => read({ "max-requests": "160", "max-connections": "2048" }), ConfigError);
  assertEquals(error.message.replace(/allow \d+/, "allow 264"), message);
  const proxy = read();
  const rest = MEMORY_BYTES - sumOfLimits(proxy);
  checkMemory({ ...proxy, cacheBytes: proxy.cacheBytes + rest });
  assertThrows(() => checkMemory({ ...proxy, cacheBytes: proxy.cacheBytes + rest + 1 }), ConfigError, "allow 257 MiB");
});
