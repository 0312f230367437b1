/**
 * Reads the copy of a config drive's `cloudstack` folder that `pre-start.sh` made.
 *
 * ```
 * metadata/<key>.txt         the router's keys; an empty value has no file; older versions write _ for -
 * userdata/user_data.txt     user-data, any bytes
 * password/vm_password.txt   the password, if there is a new one
 * ```
 *
 * Knows the layout and the bounds; leaves to others what is made of it. Source: CloudStack's `ConfigDriveBuilder`.
 *
 * @module
 */

/** A file as it was read. */
export interface DriveFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** In milliseconds since 1970. */
  readonly modifiedAt: number;
}

/** What a drive holds. */
export interface DriveFiles {
  /** By the router's name of the key. */
  readonly metadata: ReadonlyMap<string, DriveFile>;
  readonly userData: DriveFile | undefined;
  readonly password: DriveFile | undefined;
}

/** The longest user-data that CloudStack can be set to take. */
const MAX_FILE_BYTES = 1024 * 1024;
/** All that is held in memory for as long as the program runs. */
const MAX_TOTAL_BYTES = 4 * 1024 * 1024;
/** CloudStack writes a dozen. */
const MAX_FILES = 64;

const KEY_FILE = /^([a-z0-9][a-z0-9_-]*)\.txt$/;

/**
 * Reads the folder.
 *
 * @returns `undefined` if there is no such folder
 * @throws {Error} If it is there and cannot be used.
 */
export async function readDrive(folder: string): Promise<DriveFiles | undefined> {
  if (await kindOfPath(folder) === undefined) return undefined;
  const budget = { bytes: MAX_TOTAL_BYTES, files: MAX_FILES };
  const names = await listFiles(`${folder}/metadata`);
  if (names === undefined) {
    throw new Error(`${folder} holds no metadata: is it the copy of a drive's cloudstack folder?`);
  }
  const metadata = new Map<string, DriveFile>();
  const isOlder = (name: string) => name.includes("_");
  // Where a key is there in both spellings, the newer one is read last and stays.
  for (const name of [...names.filter(isOlder), ...names.filter((name) => !isOlder(name))]) {
    const [, key] = KEY_FILE.exec(name) ?? [];
    const file = key === undefined ? undefined : await readFile(`${folder}/metadata/${name}`, budget);
    if (file !== undefined) metadata.set(key!.replaceAll("_", "-"), file);
  }
  if (isBlank(metadata.get("instance-id"))) {
    throw new Error(`${folder} names no instance-id, which every drive does`);
  }
  return {
    metadata,
    userData: await readFile(`${folder}/userdata/user_data.txt`, budget),
    password: await readFile(`${folder}/password/vm_password.txt`, budget),
  };
}

async function kindOfPath(path: string): Promise<Deno.FileInfo | undefined> {
  return await orAbsent(path, () => Deno.lstat(path));
}

function listFiles(path: string): Promise<string[] | undefined> {
  return orAbsent(path, async () => {
    const names: string[] = [];
    for await (const { name, isFile } of Deno.readDir(path)) if (isFile) names.push(name);
    return names;
  });
}

/** Reads a file, unless it is none: a link is not followed, for it could lead out of the drive. */
async function readFile(path: string, budget: { bytes: number; files: number }): Promise<DriveFile | undefined> {
  const info = await kindOfPath(path);
  if (!info?.isFile) return undefined;
  if (info.size > MAX_FILE_BYTES) {
    throw new Error(`${path} has ${info.size} bytes, and at most ${MAX_FILE_BYTES} are read`);
  }
  budget.bytes -= info.size;
  budget.files--;
  if (budget.bytes < 0 || budget.files < 0) {
    throw new Error(`The drive holds more than ${MAX_FILES} files or ${MAX_TOTAL_BYTES} bytes`);
  }
  const bytes = await orAbsent(path, () => Deno.readFile(path));
  return bytes && { bytes, modifiedAt: info.mtime?.getTime() ?? 0 };
}

async function orAbsent<T>(path: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    const reason = cause instanceof Deno.errors.NotCapable
      ? "it lies where the program may not read"
      : (cause as Error).message;
    throw new Error(`Cannot read ${path}: ${reason}`, { cause });
  }
}

function isBlank(file: DriveFile | undefined): boolean {
  return file === undefined || new TextDecoder().decode(file.bytes).trim() === "";
}
