/**
 * Processes of a user without any rights, inside a host.
 *
 * @module
 */

import { filePath } from "../../../tools/file_path.ts";
import type { Host } from "./network.ts";
import type { Process } from "./process.ts";

/** The command line that runs `argv` as nobody. Where the tests are not root, there is no other user to become. */
export function asNobody(argv: readonly string[]): string[] {
  if (Deno.uid() !== 0) return [...argv];
  return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "--", ...argv];
}

/** Starts a script of one module, named relative to `tests/support`, as nobody. */
export async function startNobodysScript(host: Host, script: string, args: readonly string[] = []): Promise<Process> {
  const path = filePath(`../${script}`, import.meta.url);
  // Nobody may not enter the folders of whoever runs the tests.
  await host.must(["sh", "-ec", LAY_OUT, "sh", Deno.execPath(), path, FOLDER]);
  const deno = [`${FOLDER}/deno`, "run", "--quiet", "--no-check", "--no-config", "--allow-all", `${FOLDER}/script.ts`];
  return host.start(asNobody([...deno, ...args]), {
    env: { DENO_NO_UPDATE_CHECK: "1", DENO_DIR: `${FOLDER}/cache`, HOME: FOLDER },
  });
}

const FOLDER = "/run/nobody";

const LAY_OUT = `
mkdir -p "$3/cache"; chmod 777 "$3/cache"
if [ ! -e "$3/deno" ]; then touch "$3/deno"; mount --no-mtab --bind "$1" "$3/deno"; fi
install -m 644 "$2" "$3/script.ts"
`;

/**
 * The command line of a process that tries to have a port all the time. It prints `got the port` whenever it has it, and
 * gives it up again after a second. Perl is a part of every Debian.
 */
export function takePort({ hostname, port }: { readonly hostname: string; readonly port: number }): string[] {
  return ["perl", "-MSocket", "-e", TAKE, hostname, String(port)];
}

const TAKE = `
$| = 1;
my $at = sockaddr_in($ARGV[1], inet_aton($ARGV[0]));
my $tries = 0;
for (;;) {
  socket(my $socket, PF_INET, SOCK_STREAM, 0);
  setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
  setsockopt($socket, SOL_SOCKET, SO_REUSEPORT, 1) if $tries % 2;
  if (bind($socket, $at) && listen($socket, 50)) { print "got the port\\n"; sleep 1; }
  close($socket);
  print "tried\\n" if ++$tries == 10;
  select(undef, undef, undef, 0.002);
}
`;

/** The command line of a process that connects so many times, and resets the connection each time. */
export function leaveAtOnce(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  count: number,
): string[] {
  return ["perl", "-MSocket", "-e", LEAVE, hostname, String(port), String(count)];
}

const LEAVE = `
my $at = sockaddr_in($ARGV[1], inet_aton($ARGV[0]));
for (1 .. $ARGV[2]) {
  socket(my $socket, PF_INET, SOCK_STREAM, 0);
  setsockopt($socket, SOL_SOCKET, SO_LINGER, pack("ii", 1, 0));
  connect($socket, $at);
  close($socket);
}
`;
