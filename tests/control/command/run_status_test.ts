import { assertEquals, assertMatch } from "@std/assert";
import { runStatus } from "../../../lib/control/command/run_status.ts";
import { formatStatus } from "../../../lib/control/format_status.ts";
import { controlTest, documentOf } from "../control_case.ts";

for (const [state, code] of [["ready", 0], ["suspect", 1], ["unserved", 1], ["searching", 1]] as const) {
  controlTest(`runStatus of a service that is ${state} exits with ${code}`, async (at) => {
    at.start(documentOf(state));
    assertEquals(await runStatus({ json: false }, at.environment), code);
    assertEquals([at.out, at.said], [[formatStatus(documentOf(state))], []]);
    assertEquals(await runStatus({ json: true }, at.environment), code);
    assertEquals(JSON.parse(at.out[1]!), documentOf(state));
  });
}

controlTest("runStatus without a service exits with 3 and a sentence", async (at) => {
  assertEquals(await runStatus({ json: false }, at.environment), 3);
  assertEquals([at.out.length, at.said.length], [0, 1]);
  assertMatch(at.said[0]!, /^mdproxy4cs: No service answers at .*: is mdproxy4cs running\?$/);
});

controlTest("runStatus of a service that goes away or is another program says so", async (at) => {
  const stranger = Deno.listen({ transport: "unix", path: at.socketPath });
  for (const [says, code] of [["", 3], ["hello\n", 4]] as const) {
    const talking = stranger.accept().then(async (connection) => {
      await connection.write(new TextEncoder().encode(says));
      connection.close();
    });
    assertEquals([says, await runStatus({ json: true }, at.environment)], [says, code]);
    await talking;
  }
  stranger.close();
  assertEquals(at.out, []);
});
