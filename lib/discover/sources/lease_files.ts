/**
 * Sources that read the files in which DHCP clients keep their leases: what all of them have in common.
 *
 * Every lease that is there is offered, the newest first: whoever is named has to prove itself, and which of several
 * leases is the right one no file tells.
 *
 * @module
 */

import type { FileContent, Host } from "../../system/host.ts";
import { isExhausted } from "../../http1/error.ts";
import { RUNTIME_FILES } from "../../system/runtime_folder.ts";
import type { Network } from "./network.ts";
import type { Ask, Source } from "./source.ts";

/** What matters of a lease. */
export interface Lease {
  /** The server's identifier. */
  readonly server: string;
  /** The interface that it is for, where the lease says so. */
  readonly iface?: string | undefined;
}

/** Where a DHCP client keeps leases, and how it writes them. */
export interface LeaseFormat {
  readonly folders: readonly string[];
  /** Which names in the folders are those of leases. */
  readonly pattern: RegExp;
  /**
   * How a file's name tells the interface: by its `index`, as the whole name; by its `name`, as a word of it; or not at
   * all where `anyone` else's lease is offered too.
   */
  readonly namedBy: "index" | "name" | "anyone";
  /** Reads a file: its leases, the newest last, or only the server of the one that it holds, if it names one. Never throws. */
  readonly parse: (bytes: Uint8Array) => readonly Lease[] | string | undefined;
}

/** A source that reads files. */
export interface LeaseSource extends Source {
  /** Every folder that it reads: the program needs the right to. */
  readonly folders: readonly string[];
}

/**
 * Creates the source of one client's leases.
 *
 * @param client the name of the folder in which root leaves copies of what only root may read
 */
export function createLeaseSource(client: string, formats: readonly LeaseFormat[]): LeaseSource {
  const copies = `${RUNTIME_FILES.leases}/${client}`;
  const source = async (ask: Ask) => {
    const hasCopies = (await ask.host.listFolder(RUNTIME_FILES.leases).catch(() => [] as string[])).includes(client);
    const folders = formats.map((format) => ({
      format,
      // What root has copied need not be readable itself.
      folders: hasCopies ? [copies, ...format.folders] : format.folders,
    }));
    const failures: unknown[] = [];
    const files = await readFiles(ask.host, folders, (error) => void failures.push(error));
    const want = failures.find(isExhausted);
    if (files.length > 0) await propose(files, ask);
    else if (want !== undefined) throw want;
    else if (failures.length > 0 && !hasCopies) throw failures[0];
  };
  return Object.assign(source, { folders: [...formats.flatMap(({ folders }) => folders), copies] });
}

/** A file with its name, without the folder. */
interface LeaseFile extends FileContent {
  readonly name: string;
  readonly format: LeaseFormat;
}

/** Reads every file in the folders whose name matches, the newest first. A folder that does not exist is empty. */
async function readFiles(
  host: Pick<Host, "listFolder" | "readFile">,
  formats: readonly { readonly format: LeaseFormat; readonly folders: readonly string[] }[],
  onFailure: (error: unknown) => void,
): Promise<readonly LeaseFile[]> {
  const files: LeaseFile[] = [];
  for (const { format, folders } of formats) {
    for (const folder of folders) {
      const names = await host.listFolder(folder).catch((error) => (onFailure(error), []));
      for (const name of names.filter((name) => format.pattern.test(name))) {
        const file = await host.readFile(`${folder}/${name}`).catch((error) => onFailure(error));
        if (file !== undefined) files.push({ name, format, ...file });
      }
    }
  }
  return files.toSorted((a, b) => b.modifiedAt - a.modifiedAt);
}

async function propose(
  files: readonly LeaseFile[],
  { network, propose }: { readonly network: Network; readonly propose: Ask["propose"] },
): Promise<void> {
  const isIndexed = files.some(({ format }) => format.namedBy === "index");
  const nics = isIndexed ? await network.indexedNics() : await network.nics();
  const devices = network.devices();
  for (const { name: file, bytes, format } of files) {
    const named = nics.find((nic) => isNamedAfter(file, nic, format));
    for (const { server, iface } of toLeases(format.parse(bytes)).toReversed()) {
      const nic = iface === undefined ? named : nics.find(({ name }) => name === iface);
      if (nic !== undefined) propose(server, nic.name);
      // An interface that is not here was renamed, or the image was made elsewhere; one that is here is not searched on.
      else if (format.namedBy === "anyone" && !belongsElsewhere(file, iface, devices)) propose(server);
    }
  }
}

function toLeases(parsed: ReturnType<LeaseFormat["parse"]>): readonly Lease[] {
  if (parsed === undefined) return [];
  return typeof parsed === "string" ? [{ server: parsed }] : parsed;
}

function isNamedAfter(
  file: string,
  { name, index }: { readonly name: string; readonly index?: number },
  { namedBy }: LeaseFormat,
): boolean {
  return namedBy === "index" ? file === String(index) : hasWord(file, name);
}

function belongsElsewhere(file: string, iface: string | undefined, devices: readonly string[]): boolean {
  return devices.some((device) => iface === undefined ? hasWord(file, device) : iface === device);
}

/** Whether a file's name has the interface's in it, set off by dashes and dots: `dhclient-eth0.leases` has eth0. */
function hasWord(file: string, iface: string): boolean {
  return `-${file}`.replaceAll(".", "-").includes(`-${iface.replaceAll(".", "-")}-`);
}
