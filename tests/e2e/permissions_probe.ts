/**
 * Tries whatever the program must not be able to do, and prints one line of JSON for each try. Run with the program's
 * own permission flags, inside a guest.
 *
 * @module
 */

/** No literal: Deno would fetch it, or ask whether it may, before anything runs or is merely checked. */
const CODE: string = ["http:", "", "10.1.1.1", "code.ts"].join("/");

/** What is tried. It counts as refused only if Deno says so, before the kernel is asked. */
const TRIES: Readonly<Record<string, () => unknown>> = {
  "run another program": () => new Deno.Command("/usr/bin/id").outputSync(),
  "run a program found by its name": () => new Deno.Command("sh", { args: ["-c", "true"] }).outputSync(),
  "run ip": () => new Deno.Command("/usr/sbin/ip", { args: ["-V"], clearEnv: true }).outputSync(),
  "reach port 8080 of the router": () => Deno.connect({ hostname: "10.1.1.1", port: 8080 }),
  "reach port 443 of the router": () => Deno.connect({ hostname: "10.1.1.1", port: 443 }),
  "reach port 80 of the router": () => Deno.connect({ hostname: "10.1.1.1", port: 80 }),
  "reach port 80 of loopback": () => Deno.connect({ hostname: "127.0.0.1", port: 80 }),
  "reach port 80 of loopback by another number": () => Deno.connect({ hostname: "127.1.2.3", port: 80 }),
  "reach port 80 of the listen address": () => Deno.connect({ hostname: "169.254.169.254", port: 80 }),
  "reach port 80 of 0.0.0.0, which is loopback": () => Deno.connect({ hostname: "0.0.0.0", port: 80 }),
  "reach port 80 of IPv6's loopback": () => Deno.connect({ hostname: "::1", port: 80 }),
  "reach port 8080 of loopback": () => Deno.connect({ hostname: "127.0.0.1", port: 8080 }),
  "reach port 80 of localhost": () => Deno.connect({ hostname: "localhost", port: 80 }),
  "fetch from port 80 of loopback": () => fetch("http://127.0.0.1/"),
  "listen to the network": () => Deno.listen({ hostname: "0.0.0.0", port: 39724 }).close(),
  "look up a name": () => Deno.resolveDns("example.com", "A"),
  "read /etc/passwd": () => Deno.readTextFileSync("/etc/passwd"),
  "read /proc/self/environ": () => Deno.readTextFileSync("/proc/self/environ"),
  "read below HOME": () => Deno.readTextFileSync("/root/.profile"),
  "list HOME": () => [...Deno.readDirSync("/root")],
  "read HOME's variable": () => Deno.env.get("HOME"),
  "read all variables": () => Deno.env.toObject(),
  "read a proxy variable": () => Deno.env.get("HTTP_PROXY"),
  "write to /etc": () => Deno.writeTextFileSync("/etc/default/mdproxy4cs-probe", ""),
  "write to a cron folder": () => Deno.writeTextFileSync("/etc/cron.d/mdproxy4cs-probe", ""),
  "load a library": () => Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } }),
  "import code from the network": () => import(CODE),
  "learn the host's name": () => Deno.hostname(),
};

for (const [what, attempt] of Object.entries(TRIES)) {
  let outcome = "allowed";
  try {
    const result = await attempt();
    if (result instanceof Object && "close" in result) (result as Deno.Conn).close();
  } catch (error) {
    // Some functions wrap the refusal in an error of their own.
    outcome = /Requires \w+ access/.test(Deno.inspect(error)) ? "refused" : String(error);
  }
  console.log(JSON.stringify({ what, outcome }));
}
