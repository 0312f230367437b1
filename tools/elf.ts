/**
 * Which machine an executable is for: the one field of an ELF file that must fit the name of the archive it is in.
 *
 * @module
 */

/** The platforms of releases, by the names that archives and Debian have for them. */
export const PLATFORMS = ["amd64", "arm64"] as const;
export type Platform = typeof PLATFORMS[number];

/** `e_machine` (elf(5), bytes 18 and 19): EM_X86_64 and EM_AARCH64. */
const MACHINES: Readonly<Record<number, Platform>> = { 62: "amd64", 183: "arm64" };

/** The name that Deno has for a platform. */
export const TARGETS: Readonly<Record<Platform, string>> = {
  amd64: "x86_64-unknown-linux-gnu",
  arm64: "aarch64-unknown-linux-gnu",
};

/**
 * Tells which platform an executable is for.
 *
 * @throws {Error} If it is no ELF file of 64 bits, or is for another machine.
 */
export async function readPlatform(path: string): Promise<Platform> {
  using file = await Deno.open(path);
  const header = new Uint8Array(20);
  const count = await file.read(header);
  const view = new DataView(header.buffer);
  // "\x7fELF", and the class of 64 bits, little-endian.
  if (count !== header.length || view.getUint32(0) !== 0x7f454c46 || view.getUint16(4) !== 0x0201) {
    throw new Error(`${path} is no executable of Linux for 64 bits`);
  }
  const machine = view.getUint16(18, true);
  const platform = MACHINES[machine];
  if (platform === undefined) throw new Error(`${path} is for a machine with the number ${machine}`);
  return platform;
}

/**
 * Checks that an executable is for a platform.
 *
 * @throws {Error} If it is for another.
 */
export async function checkPlatform(path: string, platform: Platform): Promise<void> {
  const actual = await readPlatform(path);
  if (actual === platform) return;
  const hint = Deno.env.has("DENORT_BIN") ? "; DENORT_BIN is set, and names a runtime of one platform only" : "";
  throw new Error(`${path} must be for ${platform}, and is for ${actual}${hint}`);
}
