import { assertEquals } from "@std/assert";
import { programLine } from "../support/net/program.ts";
import { networkTest } from "../support/net/network_test.ts";
import { createScene, SERVERS } from "../support/scene.ts";

//   guest eth0 10.1.1.50 ---- lan ---- 10.1.1.1 eth0 router (dnsmasq, nginx)

const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** What is done to the runtime folder before the program starts. */
const FOLDERS = {
  "its own": ["true"],
  "somebody else's": ["install", "-d", "-o", "daemon", "-m", "700", "/run/mdproxy4cs"],
};

for (const [whose, strike] of Object.entries(FOLDERS)) {
  networkTest(
    `no other user reaches anything of the program but its listen address, nor takes that: a runtime folder that is ${whose}`,
    { ...SERVERS, root: true },
    async () => {
      await using scene = await createScene({
        prepare: ({ guest }) => guest.must(strike),
        args: ["--admin-listen", "127.0.0.1:39725", "--cache-ttl", "0"],
      });
      const { guest, program } = scene;
      await program.waitForLine(/serving the admin pages/);
      // Both ways of a request have been gone by then.
      assertEquals((await scene.get("/latest/vm-id")).status, 200);

      const listening = async (family: string) => {
        const sockets = (await guest.must(["ss", "-Hlnp", family])).split("\n");
        return sockets.filter((line) => line.includes(`pid=${program.pid},`)).join("\n");
      };
      const ports = (await listening("--tcp")).match(/\S+:\d+(?= )/g)!;
      assertEquals(ports.sort(), ["127.0.0.1:39725", "169.254.169.254:39724"]);
      const hidden = (await listening("--unix")).match(/\S+\.sock/g) ?? [];
      assertEquals(hidden.length, whose === "its own" ? 2 : 0, hidden.join());
      for (const path of hidden) {
        const { code, stdout } = await guest.run([
          ...NOBODY,
          ...["curl", "-s", "--unix-socket", path, "http://169.254.169.254:39724/latest/vm-id"],
        ]);
        assertEquals([code, stdout], [7, ""], path);
      }

      const rival = guest.start([...NOBODY, ...programLine()]);
      await rival.waitForLine(/another program has the port, waiting for it/);
      await rival.stop();
      assertEquals((await scene.get("/latest/vm-id")).body, "vm-10.1.1.50");
    },
  );
}
