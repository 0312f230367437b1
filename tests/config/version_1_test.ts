import { assertEquals, assertThrows } from "@std/assert";
import { parseArguments } from "../../lib/config/arguments.ts";
import type { Config } from "../../lib/config/config.ts";
import { ConfigError } from "../../lib/config/config_error.ts";
import { readConfig } from "../../lib/config/read_config.ts";
import { filePath } from "../../tools/file_path.ts";
import { test } from "../support/test.ts";

// What version 1 was told, and what becomes of it. Version 1 read its command line with kingpin and its levels with logrus.

function read(argv: readonly string[], file?: string): Config {
  return readConfig({
    flags: parseArguments(argv).values,
    environment: () => undefined,
    file: file === undefined ? undefined : { path: "/etc/default/mdproxy4cs", text: file },
  });
}

test("version 1's env file, as images have it, is the configuration of nothing given", async () => {
  const file = await Deno.readTextFile(filePath("../testdata/v1/default", import.meta.url));
  assertEquals(read([], file), read([]));
});

test("version 1's env file with a value changed means what it meant", () => {
  const file =
    'MDPROXY4CS_INAME="ens3"\nMDPROXY4CS_LOG_LEVEL="warning"\nMDPROXY4CS_LOG_FILE="/var/log/mdproxy4cs.log"\n';
  const { discovery, log, warnings } = read([], file);
  assertEquals([discovery.iname, discovery.isInameChosen, warnings], ["ens3", true, []]);
  assertEquals(log, { level: "warn", format: "text", file: "/var/log/mdproxy4cs.log" });
});

/** A flag's value in every way that version 1 took it. */
const WAYS: Readonly<Record<string, (flag: string, value: string) => string[]>> = {
  "with an equals sign": (flag, value) => [`--${flag}=${value}`],
  "with a blank": (flag, value) => [`--${flag}`, value],
};

/** Values that go on working, and what they become. */
const VALUES: readonly (readonly [flag: string, value: string, becomes: (config: Config) => unknown, as: unknown])[] = [
  ["iname", "eth0", ({ discovery }) => discovery.iname, "eth0"],
  ["iname", "ens192", ({ discovery }) => discovery.iname, "ens192"],
  ["log-level", "trace", ({ log }) => log.level, "debug"],
  ["log-level", "debug", ({ log }) => log.level, "debug"],
  ["log-level", "info", ({ log }) => log.level, "info"],
  ["log-level", "INFO", ({ log }) => log.level, "info"],
  ["log-level", "warn", ({ log }) => log.level, "warn"],
  ["log-level", "warning", ({ log }) => log.level, "warn"],
  ["log-level", "error", ({ log }) => log.level, "error"],
  ["log-level", "fatal", ({ log }) => log.level, "error"],
  ["log-level", "panic", ({ log }) => log.level, "error"],
  ["log-file", "-", ({ log }) => log.file, "-"],
  ["log-file", "/var/log/mdproxy4cs.log", ({ log }) => log.file, "/var/log/mdproxy4cs.log"],
  ["log-file", "/var/vcap/sys/log/x/x.log", ({ log }) => log.file, "/var/vcap/sys/log/x/x.log"],
  // Where the program may not write it logs to standard output, with a warning; see tests/e2e/config_test.ts.
  ["log-file", "/tmp/x.log", ({ log }) => log.file, "/tmp/x.log"],
  ["log-file", "x.log", ({ log }) => log.file, "x.log"],
  ["http-listen", "169.254.169.254:39724", ({ proxy }) => proxy.listen, { hostname: "169.254.169.254", port: 39724 }],
  ["http-listen", "169.254.1.1:8000", ({ proxy }) => proxy.listen, { hostname: "169.254.1.1", port: 8000 }],
  ["http-listen", "127.0.0.1:39724", ({ proxy }) => proxy.listen, { hostname: "127.0.0.1", port: 39724 }],
  ["http-listen", "localhost:39724", ({ proxy }) => proxy.listen, { hostname: "127.0.0.1", port: 39724 }],
  ["http-listen", "[::1]:39724", ({ proxy }) => proxy.listen, { hostname: "::1", port: 39724 }],
];

for (const [flag, value, becomes, as] of VALUES) {
  test(`version 1's --${flag} ${value} becomes ${JSON.stringify(as)}, however it is given`, () => {
    for (const [way, write] of Object.entries(WAYS)) {
      const config = read(write(flag, value));
      assertEquals([way, becomes(config), config.warnings], [way, as, []]);
    }
    const variable = `MDPROXY4CS_${flag.toUpperCase().replace("-", "_")}`;
    assertEquals(becomes(read([], `${variable}="${value}"\n`)), as);
  });
}

test("version 1 took an unknown level for error: it becomes info, with a warning", () => {
  const { log, warnings } = read(["--log-level=verbose"]);
  assertEquals([log.level, warnings.length], ["info", 1]);
});

/** What version 1 took and this one refuses, and why. */
const REFUSED: readonly (readonly [argv: readonly string[], why: string])[] = [
  // Every address of the VM, so that its neighbours could read its secrets.
  [["--http-listen=:80"], "metadata holds secrets and must not leave the VM"],
  [["--http-listen=:39724"], "metadata holds secrets and must not leave the VM"],
  [["--http-listen=0.0.0.0:39724"], "metadata holds secrets and must not leave the VM"],
  [["--http-listen=[::]:39724"], "metadata holds secrets and must not leave the VM"],
  [["--http-listen=10.1.1.50:39724"], "metadata holds secrets and must not leave the VM"],
  // The ports that a router has: it could take itself for one.
  [["--http-listen=169.254.169.254:80"], "must not use port 80"],
  [["--http-listen=127.0.0.1:8080"], "must not use port 8080"],
  [["--http-listen=127.0.0.1:http"], "must be an address and a port"],
  [["--http-listen=169.254.169.254"], "must be an address and a port"],
  [["--iname="], "must be an interface name"],
  // Of kingpin itself.
  [["--help-long"], "unknown long flag '--help-long'"],
  [["--help-man"], "unknown long flag '--help-man'"],
  [["--completion-bash"], "unknown long flag '--completion-bash'"],
  [["--completion-script-zsh"], "unknown long flag '--completion-script-zsh'"],
  [["@/etc/mdproxy4cs.args"], "unexpected argument '@/etc/mdproxy4cs.args'"],
];

for (const [argv, why] of REFUSED) {
  test(`version 1's ${argv.join(" ")} is refused with a reason`, () => {
    assertThrows(() => read(argv), ConfigError, why);
  });
}

/** What version 1 refused, in words that scripts may look for. */
const MISTAKES: readonly (readonly [argv: readonly string[], says: string])[] = [
  [["--bogus"], "unknown long flag '--bogus', try --help"],
  [["-x"], "unknown short flag '-x', try --help"],
  [["--iname"], "expected argument for flag '--iname', try --help"],
  [["--iname", "eth0", "--iname", "eth1"], "flag 'iname' cannot be repeated, try --help"],
  [["stray"], "unexpected argument 'stray', try --help"],
];

for (const [argv, says] of MISTAKES) {
  test(`version 1's refusal of ${argv.join(" ")} has the same words`, () => {
    assertEquals(assertThrows(() => read(argv), ConfigError).message, says);
  });
}

test("version 1's --help, -h and --version are still there", () => {
  assertEquals(
    [["--help"], ["-h"], ["--version"]].map((argv) => parseArguments(argv).command),
    ["help", "help", "version"],
  );
});
