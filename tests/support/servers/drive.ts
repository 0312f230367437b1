/**
 * A config drive as CloudStack attaches one: an image with its label and its layout, on a loop device. The file system is
 * ext4, which every kernel has that tests run on; CloudStack's is ISO 9660.
 *
 * @module
 */

import { writeDrive } from "../fakes/drive_folder.ts";
import { outputOf, runCommand } from "../net/process.ts";
import type { Metadata } from "./metadata.ts";

/** What is on a drive. */
export interface DriveOptions {
  /** The folder for the image; something below it. */
  readonly folder: string;
  /** Nothing: the drive has no `cloudstack` folder, as where the network offers no user-data. */
  readonly metadata: Metadata | undefined;
  readonly password?: string;
  readonly label?: string;
  /** Changes the folder before it becomes an image. */
  readonly spoil?: (folder: string) => Promise<unknown>;
}

/** A drive that is attached to this machine; in a test's own /dev it must be made known. */
export interface Drive extends AsyncDisposable {
  /** Such as `/dev/loop3`. */
  readonly device: string;
  /** A command line that makes the device node below a folder that stands for /dev. */
  nodeIn(dev: string): string[];
  /** Whether something still uses it: a mount that was left. */
  isBusy(): Promise<boolean>;
}

/** Makes a drive and attaches it. */
export async function attachDrive(
  { folder, metadata, password, label = "config-2", spoil }: DriveOptions,
): Promise<Drive> {
  const id = crypto.randomUUID();
  const [tree, image] = [`${folder}/${id}`, `${folder}/${id}.img`];
  await Deno.mkdir(`${tree}/openstack/latest`, { recursive: true });
  if (metadata !== undefined) {
    await writeDrive(`${tree}/cloudstack`, metadata, { password });
    const userData = metadata["user-data"];
    if (userData !== undefined) {
      await Deno.link(`${tree}/cloudstack/userdata/user_data.txt`, `${tree}/openstack/latest/user_data`);
    }
  }
  await spoil?.(tree);
  await must(["mke2fs", "-q", "-t", "ext4", "-L", label, "-d", tree, image, "8M"]);
  await Deno.remove(tree, { recursive: true });
  const device = (await must(["losetup", "--find", "--show", "--read-only", image])).trim();
  const number = device.replace("/dev/loop", "");
  return {
    device,
    nodeIn: (dev) => ["mknod", `${dev}/loop${number}`, "b", "7", number],
    // Only the last user's leaving lets go of a loop device that was told to go.
    isBusy: async () => (await runCommand(["losetup", "--list", "--noheadings", device])).stdout.includes(image),
    async [Symbol.asyncDispose]() {
      await runCommand(["losetup", "--detach", device]);
      await Deno.remove(image).catch(() => {});
    },
  };
}

async function must(argv: readonly string[]): Promise<string> {
  return outputOf(await runCommand(argv), argv);
}
