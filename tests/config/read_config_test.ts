import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { Config } from "../../lib/config/config.ts";
import { ConfigError } from "../../lib/config/config_error.ts";
import { formatHelp } from "../../lib/config/help.ts";
import type { Flag } from "../../lib/config/options.ts";
import { OPTIONS, variableOf } from "../../lib/config/options.ts";
import { readConfig } from "../../lib/config/read_config.ts";
import { test } from "../support/test.ts";

function read(
  given: { flags?: Partial<Record<Flag, string>>; environment?: Record<string, string>; file?: string },
): Config {
  const { flags = {}, environment = {}, file } = given;
  return readConfig({
    flags: new Map(Object.entries(flags) as [Flag, string][]),
    environment: (variable) => environment[variable],
    file: file === undefined ? undefined : { path: "/etc/default/mdproxy4cs", text: file },
  });
}

test("readConfig gives the defaults of the program it replaces", () => {
  const config = read({});
  assertEquals(config.discovery.iname, "eth0");
  assertEquals(config.proxy.listen, { hostname: "169.254.169.254", port: 39724 });
  assertEquals(config.log, { level: "info", format: "text", file: "-" });
  assertEquals(config.admin.listen, undefined);
  assertEquals(config.warnings, []);
});

test("readConfig lays flags over environment over file over defaults", () => {
  const file = "MDPROXY4CS_INAME=file0\n";
  const environment = { MDPROXY4CS_INAME: "env0" };
  assertEquals(read({ file }).discovery.iname, "file0");
  assertEquals(read({ file, environment }).discovery.iname, "env0");
  assertEquals(read({ file, environment, flags: { iname: "flag0" } }).discovery.iname, "flag0");
});

test("readConfig takes an empty variable for one that is not set", () => {
  const config = read({ environment: { MDPROXY4CS_INAME: "" }, file: "MDPROXY4CS_INAME=\nMDPROXY4CS_LOG_LEVEL=\n" });
  assertEquals(config.discovery.iname, "eth0");
  assertEquals(config.log.level, "info");
});

test("readConfig reads an env file as systemd does: comments, quotes, blank lines", () => {
  const config = read({
    file: `
# the interface
MDPROXY4CS_INAME=ens3
MDPROXY4CS_LOG_FILE="/var/log/md proxy.log"
MDPROXY4CS_SERVER='10.1.1.1'

MDPROXY4CS_HTTP_LISTEN=127.0.0.1:8081
PATH_OF_SOMEBODY_ELSE=/usr/bin
`,
  });
  assertEquals(config.discovery.iname, "ens3");
  assertEquals(config.discovery.server, "10.1.1.1");
  assertEquals(config.log.file, "/var/log/md proxy.log");
  assertEquals(config.proxy.listen.port, 8081);
  assertEquals(config.warnings, []);
});

test("readConfig warns of a variable that no option has", () => {
  const [warning] = read({ file: "MDPROXY4CS_INTERFACE=eth1\n" }).warnings;
  assertEquals(warning, "ignoring MDPROXY4CS_INTERFACE in /etc/default/mdproxy4cs: there is no such option");
});

test("readConfig warns of a --server that no source looks at", () => {
  const flags = { server: "10.1.1.1", discovery: "dhcp,gateway" };
  assertEquals(read({ flags }).warnings, ["--server is not used: --discovery does not name server"]);
  assertEquals(read({ flags: { ...flags, discovery: "dhcp,server" } }).warnings, []);
  assertEquals(read({ flags: { discovery: "dhcp" } }).warnings, []);
});

test("readConfig warns of names in --allow-host that no Host can be", () => {
  const hosts = "Metadata.internal, metadata:8080,[fd00::1],http://x/,*.local";
  const { proxy, warnings } = read({ flags: { "allow-host": hosts } });
  assertEquals(proxy.allowHosts.length, 5);
  assertEquals(warnings, [
    `--allow-host: "${hosts}" must be names such as metadata.internal, and no request will match http://x/, *.local`,
  ]);
});

test("readConfig uses info for an unknown log level, with a warning", () => {
  const config = read({ environment: { MDPROXY4CS_LOG_LEVEL: "verbose" } });
  assertEquals(config.log.level, "info");
  assertEquals(config.warnings, [
    'MDPROXY4CS_LOG_LEVEL: "verbose" must be debug, info, warn or error; using info',
  ]);
});

test("readConfig tells whether an operator chose the interface: version 1's env file sets it to the default", () => {
  const file = 'MDPROXY4CS_INAME="eth0"\n';
  assertEquals(read({}).discovery.isInameChosen, false);
  assertEquals(read({ file }).discovery.isInameChosen, false);
  assertEquals(read({ environment: { MDPROXY4CS_INAME: "eth0" } }).discovery.isInameChosen, false);
  assertEquals(read({ file: "MDPROXY4CS_INAME=eth1" }).discovery.isInameChosen, true);
  assertEquals(read({ environment: { MDPROXY4CS_INAME: "eth1" } }).discovery.isInameChosen, true);
  assertEquals(read({ flags: { iname: "eth0" } }).discovery.isInameChosen, true);
});

test("readConfig reads a switch alike as flag, variable and line of a file, and takes nothing but its words", () => {
  for (
    const [text, value] of [["no", "no"], ["0", "no"], ["off", "no"], ["on", "yes"], ["optional", "optional"]] as const
  ) {
    assertEquals(read({ flags: { "require-token": text } }).proxy.requireToken, value);
    assertEquals(read({ environment: { MDPROXY4CS_REQUIRE_TOKEN: text } }).proxy.requireToken, value);
    assertEquals(read({ file: `MDPROXY4CS_REQUIRE_TOKEN=${text}` }).proxy.requireToken, value);
  }
  const maybe = '"maybe" must be no, optional or yes';
  assertThrows(() => read({ flags: { "require-token": "maybe" } }), ConfigError, `--require-token: ${maybe}`);
  assertThrows(() => read({ file: "MDPROXY4CS_REQUIRE_TOKEN=maybe" }), ConfigError, maybe);
});

test("readConfig names the option, its value and what would be right", () => {
  const table: [Parameters<typeof read>[0], string][] = [
    [{ flags: { "cache-ttl": "soon" } }, '--cache-ttl: "soon" must be a duration'],
    [{ environment: { MDPROXY4CS_IDLE_TIMEOUT: "0" } }, 'MDPROXY4CS_IDLE_TIMEOUT: "0" must be longer than 0'],
    [{ file: "MDPROXY4CS_MAX_URL=1g" }, 'MDPROXY4CS_MAX_URL in /etc/default/mdproxy4cs: "1g" must be from 256 to 64k'],
    [{ flags: { "http-listen": "10.0.0.1:8081" } }, '--http-listen: "10.0.0.1:8081" must be link-local'],
    [{ flags: { "admin-listen": "169.254.169.254:9" } }, '--admin-listen: "169.254.169.254:9" must be on loopback'],
    [
      { flags: { discovery: "dhcp,carrier-pigeon" } },
      '--discovery: "dhcp,carrier-pigeon" must be one or more of server',
    ],
    [{ flags: { iname: "" } }, '--iname: "" must be an interface name'],
    [{ flags: { "log-format": "xml" } }, '--log-format: "xml" must be text or json'],
    [{ flags: { "max-header": "65k" } }, '--max-header: "65k" must be from 256 to 64k'],
    [{ flags: { "cache-size": "1g" } }, '--cache-size: "1g" must be from 0 to 16m'],
    [{ flags: { "max-requests": "65535" } }, '--max-requests: "65535" must be a whole number from 1 to 160'],
    [{ flags: { "max-connections": "0" } }, '--max-connections: "0" must be a whole number from 1 to 2048'],
    [{ flags: { "idle-timeout": "999999h" } }, '--idle-timeout: "999999h" must be at most 87600h, ten years'],
    [{ flags: { identity: "x" } }, '--identity: "x" must be pinned or any'],
    [{ flags: { "config-drive": "x" } }, '--config-drive: "x" must be an absolute path'],
    [{ flags: { "allow-server": "here" } }, '--allow-server: "here" must be IPv4 ranges'],
  ];
  for (const [given, message] of table) {
    assertThrows(() => read(given), ConfigError, message);
  }
});

test("readConfig refuses one address and port for two listeners, but any free one for each", () => {
  const both = (listen: string, admin: string) =>
    read({ flags: { "http-listen": listen, "admin-listen": admin } }).admin.listen?.port;
  assertThrows(
    () => both("127.0.0.1:39724", "localhost:39724"),
    ConfigError,
    "--admin-listen must have another address or port than --http-listen: both are 127.0.0.1, port 39724",
  );
  assertEquals(both("127.0.0.1:39724", "[::1]:39724"), 39724);
  assertEquals(both("127.0.0.1:0", "127.0.0.1:0"), 0);
});

test("readConfig accepts every default as a value that was given", () => {
  const environment = Object.fromEntries(OPTIONS.map((option) => [variableOf(option.flag), option.default]));
  assertEquals(read({ environment }), read({}));
});

test("readConfig takes an empty flag for nothing where that means something", () => {
  const { admin, drive, discovery, log, proxy } = read({
    flags: { "admin-listen": "", "config-drive": "", server: "", "log-file": "", "allow-host": "" },
  });
  assertEquals([admin.listen, drive.folder, discovery.server], [undefined, undefined, undefined]);
  assertEquals([log.file, proxy.allowHosts], ["-", []]);
});

test("readConfig reads names of hosts in lower case", () => {
  assertEquals(read({ flags: { "allow-host": "Metadata.Example, b" } }).proxy.allowHosts, ["metadata.example", "b"]);
});

test("readConfig freezes what it gives, all the way down", () => {
  const config = read({ flags: { "allow-server": "10.0.0.0/8" } });
  for (const part of [config, config.discovery, config.discovery.sources, config.proxy.listen, config.warnings]) {
    assert(Object.isFrozen(part));
  }
});

test("formatHelp names every option with its variable and default", () => {
  const help = formatHelp();
  for (const option of OPTIONS) {
    assertStringIncludes(help, `--${option.flag}`);
    assertStringIncludes(help, variableOf(option.flag));
    assertStringIncludes(help, option.help);
  }
  assertEquals(help.split("\n").filter((line) => line.length > 120), []);
});
