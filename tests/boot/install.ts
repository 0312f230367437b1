/**
 * Installs the release into an image: by the README's lines, against a server that plays GitHub.
 *
 * @module
 */

import { startGitHub } from "../support/github.ts";
import { readmeCommands } from "../support/readme.ts";
import { builtRelease, VERSION } from "../support/release.ts";
import type { Image } from "./machine.ts";

/** The steps by hand, which are those of the stemcell builders. */
export async function installByHand(image: Image): Promise<void> {
  const [, byHand] = await readmeCommands("Install");
  await runLines(image, byHand!);
}

/** Runs lines of the README with `$image` set, as root, where what stands for GitHub is on loopback. */
export async function runLines(image: Image, lines: string): Promise<void> {
  await using github = startGitHub(await builtRelease(), `v${VERSION}`);
  const script = lines.replaceAll(/https:\/\/(api\.)?github\.com/g, github.url).replaceAll(/^sudo /gm, "");
  const env = { image: image.root, MDPROXY4CS_API: github.url, MDPROXY4CS_DOWNLOADS: github.url };
  await image.outside(["sh", "-euxc", `cd "$(mktemp -d)"\ntrap 'rm -r "$PWD"' EXIT\n${script}`], { env });
}

/** Puts a file into an image, at this path below its root. */
export async function installFile(
  image: Image,
  path: string,
  { text, mode = "644" }: { readonly text: string; readonly mode?: string },
): Promise<void> {
  const script = 'mkdir -p "$(dirname "$1")"; cat > "$1"; chmod "$2" "$1"';
  await image.outside(["sh", "-euc", script, "sh", image.root + path, mode], { input: text });
}
