/**
 * Installing with Debian's apt-get: as much as can be had, and what kept the rest from it.
 *
 * Knows nothing of what the packages are for; that no service starts is seen to by who calls it.
 *
 * @module
 */

/** What a command said. */
export interface Output {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** What it is done with. */
interface Apt {
  readonly run: (argv: readonly string[]) => Promise<Output>;
  readonly say: (line: string) => void;
  readonly sleep: (ms: number) => Promise<void>;
}

/** How packages are installed by hand. */
export const APT_INSTALL = ["apt-get", "install", "--yes", "--no-install-recommends"] as const;

/** Debian 11 takes a mirror's first failure for its last word. */
const PATIENTLY = ["-o", "Acquire::Retries=3"];
/** Otherwise lists that could not be fetched are no error. */
const STRICTLY = ["-o", "APT::Update::Error-Mode=any"];

/** A machine that has just started is often updating itself. */
const IS_LOCKED = /^E: Could not get lock /m;
const LOCK_LOOKS = 24;
const LOCK_PAUSE_MS = 5_000;

/** So much of what a command wrote says why it failed. */
const LAST_LINES = 10;

/** Installs what can be had of these packages; `|` stands before another name. One that cannot costs the others nothing. */
export async function aptInstall(wanted: readonly string[], apt: Apt): Promise<void> {
  await attempt(["apt-get", "update", "--quiet", ...PATIENTLY, ...STRICTLY], "reading Debian's list of packages", apt);
  const found = await Promise.all(wanted.map((names) => findCandidate(names, apt)));
  const available = found.filter((name) => name !== undefined);
  if (available.length === 0) return;
  const install = (names: readonly string[]) => {
    const what = `installing from Debian, without starting anything: ${names.join(" ")}`;
    return attempt([...APT_INSTALL, ...PATIENTLY, ...names], what, apt);
  };
  const { success, stderr } = await install(available);
  // What cannot be fetched at once cannot be fetched one by one either, which would take minutes to find out.
  if (success || available.length === 1 || /^E: Failed to fetch /m.test(stderr)) return;
  for (const name of available) await install([name]);
}

/** Of a package's names the one that this Debian has. */
async function findCandidate(names: string, { run, say }: Apt): Promise<string | undefined> {
  for (const name of names.split("|")) {
    const { stdout } = await run(["apt-cache", "policy", name]);
    if (/^\s+Candidate: (?!\(none\))/m.test(stdout)) return name;
  }
  say(`apt-cache knows no package ${names}`);
  return undefined;
}

/** Runs a command, when another apt has ended, and shows the end of what it said if it fails. */
async function attempt(argv: readonly string[], what: string, { run, say, sleep }: Apt): Promise<Output> {
  say(what);
  let output = await run(argv);
  for (let looks = 0; looks < LOCK_LOOKS && IS_LOCKED.test(output.stderr); looks++) {
    if (looks === 0) say(`waiting for another apt, ${LOCK_LOOKS * LOCK_PAUSE_MS / 60_000} minutes at most`);
    await sleep(LOCK_PAUSE_MS);
    output = await run(argv);
  }
  if (!output.success) {
    const said = [output.stdout, output.stderr].flatMap((text) => text.trim().split("\n").slice(-LAST_LINES));
    say(`${argv.join(" ")} failed:\n${said.filter((line) => line !== "").join("\n")}`);
  }
  return output;
}
