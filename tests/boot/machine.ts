/**
 * A machine that boots a real systemd: a minimal Debian, changed only in memory, on a host of a test's network.
 *
 * @module
 */

import type { Host, Network } from "../support/net/network.ts";
import { outputOf, PATIENCE_MS, runCommand } from "../support/net/process.ts";
import type { CommandOptions, Output } from "../support/net/process.ts";
import { filePath } from "../../tools/file_path.ts";

/** The release of Debian that machines run. */
const SUITE = "bookworm";
const PACKAGES = ["systemd", "systemd-sysv", "dbus", "iproute2", "curl", "ca-certificates"];

/** An image that can be changed from outside, and then booted. */
export interface Image {
  /** Its root folder; there only for commands run by `outside`. */
  readonly root: string;
  /** Runs a command beside the image, with the test's own network, as an image builder does. */
  outside(argv: readonly string[], options?: CommandOptions): Promise<string>;
  boot(): Promise<Machine>;
}

/** A machine that has booted. */
export interface Machine {
  /** Runs a command inside to its end, whatever its exit code. */
  run(argv: readonly string[], options?: CommandOptions): Promise<Output>;
  /** Runs a command inside that has to succeed, and returns what it printed. @throws {Error} If it fails. */
  must(argv: readonly string[], options?: CommandOptions): Promise<string>;
  /** A property of a unit, as `systemctl show` has it. */
  property(unit: string, name: string): Promise<string>;
  /** Waits until a property of a unit is as it should be. @throws {Error} If the test's patience ends first. */
  until(unit: string, name: string, isRight: (value: string) => boolean): Promise<string>;
  /** The journal of a unit, oldest entry first. */
  journal(unit: string): Promise<readonly Entry[]>;
}

/** An entry of the journal; all values are text. */
export type Entry = Readonly<Record<string, string>>;

/** Creates a machine's image on a host. */
export async function createImage(network: Network, host: Host): Promise<Image> {
  const base = await ensureBase();
  const folder = `${network.folder}/${host.name}`;
  await Deno.mkdir(folder);
  const outside = async (argv: readonly string[], options?: CommandOptions) => {
    return outputOf(await runCommand(["nsenter", "--target", `${host.pid}`, "--mount", ...argv], options), argv);
  };
  const root = `${folder}/root`;
  const layers = `lowerdir=${base},upperdir=${folder}/upper,workdir=${folder}/work`;
  await outside(["mount", "--no-mtab", "-t", "tmpfs", "tmpfs", folder]);
  await outside(["mkdir", root, `${folder}/upper`, `${folder}/work`]);
  await outside(["mount", "--no-mtab", "-t", "overlay", "-o", layers, "overlay", root]);
  return { root, outside, boot: () => boot(host, root) };
}

/** Ensures that there is a minimal Debian in the cache, whole, and returns its folder. */
async function ensureBase(): Promise<string> {
  const cache = Deno.env.get("MDPROXY4CS_CACHE") ?? "/var/cache/mdproxy4cs";
  const base = `${cache}/debian-${SUITE}`;
  if (await Deno.stat(base).then(() => true, () => false)) return base;
  await Deno.mkdir(cache, { recursive: true });
  const part = await Deno.makeTempDir({ dir: cache, prefix: `debian-${SUITE}.` });
  try {
    console.log("Getting a minimal Debian, once: about a minute");
    // In a namespace, so that what it mounts is gone with it, whatever happens.
    const { code, stdout } = await new Deno.Command("unshare", {
      args: ["--mount", "debootstrap", "--variant=minbase", `--include=${PACKAGES.join(",")}`, SUITE, part],
    }).output();
    if (code !== 0) {
      throw new Error(`debootstrap failed: ${new TextDecoder().decode(stdout).split("\n").slice(-5).join("\n")}`);
    }
    await Deno.chmod(part, 0o755);
    await Deno.rename(part, base);
  } catch (error) {
    await Deno.remove(part, { recursive: true }).catch(() => {});
    throw error;
  }
  return base;
}

async function boot(host: Host, root: string): Promise<Machine> {
  const process = host.start(["sh", filePath("machine.sh", import.meta.url), root]);
  const [, pid] = (await process.waitForLine(/^machine \d+$/)).split(" ");
  const enter = [
    "nsenter",
    "--target",
    pid!,
    "--mount",
    "--pid",
    "--net",
    "--ipc",
    "--uts",
    "--cgroup",
    "--root",
    "--wd",
  ];
  const run: Machine["run"] = (argv, options) => runCommand([...enter, ...argv], options);

  const machine: Machine = {
    run,

    must: async (argv, options) => outputOf(await run(argv, options), argv, host.name),

    async property(unit, name) {
      return (await machine.must(["systemctl", "show", "--value", `--property=${name}`, unit])).trim();
    },

    async until(unit, name, isRight) {
      for (const startedAt = performance.now();;) {
        const value = await machine.property(unit, name);
        if (isRight(value)) return value;
        if (performance.now() - startedAt > PATIENCE_MS) throw new Error(`${name} of ${unit} remains ${value}`);
      }
    },

    async journal(unit) {
      const lines = await machine.must(["journalctl", "--output=json", "--no-pager", `--unit=${unit}`]);
      return lines.split("\n").filter(Boolean).map((line) => JSON.parse(line));
    },
  };

  // Until init has come so far that it can be asked.
  for (const startedAt = performance.now();;) {
    const { stdout, stderr } = await run(["systemctl", "is-system-running", "--wait"]);
    if (/^(running|degraded)$/m.test(stdout)) return machine;
    if (performance.now() - startedAt > 2 * PATIENCE_MS) {
      throw new Error(`The machine did not boot: ${stdout}${stderr}`);
    }
  }
}
