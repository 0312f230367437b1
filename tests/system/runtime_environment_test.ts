import { assert, assertEquals } from "@std/assert";
import { dropLateVariables, findEarlyVariables, RUNTIME_VARIABLES } from "../../lib/system/runtime_environment.ts";
import { permissionFlags } from "../../lib/system/permissions.ts";
import { test } from "../support/test.ts";

function environmentOf(variables: Readonly<Record<string, string>>) {
  const left = new Map(Object.entries(variables));
  return { left, get: (name: string) => left.get(name), delete: (name: string) => void left.delete(name) };
}

test("dropLateVariables takes away what Deno reads when a server starts, and nothing else", () => {
  const environment = environmentOf({
    DENO_SERVE_ADDRESS: "tcp:0.0.0.0:1",
    DENO_TRUST_PROXY_HEADERS: "1",
    DENO_SERVE_AUTOMATIC_COMPRESSION: "1",
    MDPROXY4CS_INAME: "eth1",
  });
  dropLateVariables(environment);
  assertEquals([...environment.left.keys()], ["MDPROXY4CS_INAME"]);
});

test("findEarlyVariables names what was obeyed and what it does, and passes over what is empty", () => {
  assertEquals(findEarlyVariables(environmentOf({ DENO_LOG: "", HOME: "/root", DENO_SERVE_ADDRESS: "x" })), []);
  assertEquals(findEarlyVariables(environmentOf({ DENO_LOG: "trace", NODE_OPTIONS: "--inspect" })), [
    "NODE_OPTIONS, which can open a debugger's port",
    "DENO_LOG, which writes to the log what must not be in it",
  ]);
});

test("findEarlyVariables names what has the runtime or its engine write files, or log what it loads", () => {
  for (const name of ["DENO_COVERAGE_DIR", "DENO_SNAPSHOT_IMPORT_GRAPH", "DENO_V8_FLAGS", "DENO_LOG_LAZY_LOAD"]) {
    assertEquals([name, findEarlyVariables(environmentOf({ [name]: "1" })).length], [name, 1]);
  }
});

test("permissionFlags allows the program to see every variable of the runtime that it has to", () => {
  const [names] = permissionFlags("2.9.6").filter((flag) => flag.startsWith("--allow-env="));
  for (const name of RUNTIME_VARIABLES) assert(names!.split(/[=,]/).includes(name), name);
});
