/**
 * Writes a release as a Debian package, which installs what the steps by hand install, to the same paths, and enables the
 * unit as they do.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import type { Platform } from "../elf.ts";
import { TOP } from "../program.ts";

/** What goes where, as `install.sh` has it, and its mode. */
const FILES = [
  ["assets/pre-start.sh", "usr/share/mdproxy4cs/pre-start.sh", 0o755],
  ["assets/mdproxy4cs.service", "usr/share/mdproxy4cs/mdproxy4cs.service", 0o644],
  ["assets/mdproxy4cs-wait-ready.service", "usr/lib/systemd/system/mdproxy4cs-wait-ready.service", 0o644],
  ["assets/default", "etc/default/mdproxy4cs", 0o644],
  ["assets/mdproxy4cs.8", "usr/share/man/man8/mdproxy4cs.8", 0o644],
  ["assets/mdproxy4cs.bash", "usr/share/bash-completion/completions/mdproxy4cs", 0o644],
  ["assets/_mdproxy4cs", "usr/share/zsh/vendor-completions/_mdproxy4cs", 0o644],
  ["assets/mdproxy4cs.fish", "usr/share/fish/vendor_completions.d/mdproxy4cs.fish", 0o644],
  ["CHANGELOG.md", "usr/share/doc/mdproxy4cs/NEWS.md", 0o644],
] as const;

/** Debian wants these compressed, without a time. */
const COMPRESSED = [
  "usr/share/man/man8/mdproxy4cs.8",
  "usr/share/doc/mdproxy4cs/NEWS.md",
  "usr/share/doc/mdproxy4cs/changelog",
] as const;

const MAINTAINER = "Orange Cloud Foundry <orange-cloudfoundry@users.noreply.github.com>";

const UNIT = "/usr/share/mdproxy4cs/mdproxy4cs.service";

/** What lintian finds and why it is so. */
const OVERRIDES = `# The executable is Deno's runtime and the program behind it: stripped it would be the runtime alone.
mdproxy4cs: unstripped-binary-or-object [usr/bin/mdproxy4cs]
# Libraries of the runtime, see the notices in copyright.
mdproxy4cs: embedded-library *
mdproxy4cs: spelling-error-in-binary *
# The unit is where stemcell builders and version 1 have it, and is enabled by its path.
mdproxy4cs: maintainer-script-calls-systemctl *
`;

/** Left by a removal of what was enabled, so that installing it again enables it again; gone with a purge. */
const WAS_ENABLED = "$DPKG_ROOT/var/lib/mdproxy4cs.was-enabled";

const IS_RUNNING_SYSTEM = '[ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]';

/** Debian's own asks `policy-rc.d`, by which whoever builds an image keeps services from being started, or stopped. */
const INVOKE = "$(command -v deb-systemd-invoke || echo systemctl)";

// An upgrade leaves the unit as the administrator has it: enabled, disabled or masked, running or stopped.
const SCRIPTS = {
  postinst: `#!/bin/sh
set -e
if [ "$1" = configure ] && command -v systemctl >/dev/null; then
  start=no
  if [ -z "$2" ] || [ -e "${WAS_ENABLED}" ]; then
    # What is masked cannot be enabled, which systemctl says: installing it is no reason to start it.
    if systemctl --root="$DPKG_ROOT/" --quiet enable ${UNIT}; then start=yes; fi
    rm -f "${WAS_ENABLED}"
  fi
  if ${IS_RUNNING_SYSTEM}; then
    systemctl daemon-reload || true
    if [ "$start" = yes ] || systemctl --quiet is-active mdproxy4cs.service; then
      ${INVOKE} restart mdproxy4cs.service || echo "mdproxy4cs does not start: see journalctl -u mdproxy4cs" >&2
    fi
  fi
fi
`,
  prerm: `#!/bin/sh
set -e
if [ "$1" = remove ] && command -v systemctl >/dev/null; then
  if ${IS_RUNNING_SYSTEM}; then ${INVOKE} stop mdproxy4cs.service || true; fi
  if systemctl --root="$DPKG_ROOT/" --quiet is-enabled mdproxy4cs.service 2>/dev/null; then
    : >"${WAS_ENABLED}"
    systemctl --root="$DPKG_ROOT/" --quiet disable mdproxy4cs.service || true
  fi
fi
`,
  postrm: `#!/bin/sh
set -e
case $1 in
  remove)
    if ${IS_RUNNING_SYSTEM}; then systemctl daemon-reload || true; fi
    rm -rf "$DPKG_ROOT/run/mdproxy4cs-root" "$DPKG_ROOT/run/mdproxy4cs.starts" "$DPKG_ROOT/run/mdproxy4cs.lock"
    ;;
  purge)
    rm -rf "$DPKG_ROOT/var/log/mdproxy4cs" "$DPKG_ROOT/var/log/private/mdproxy4cs" "${WAS_ENABLED}"
    ;;
esac
`,
} as const;

/** Runs a command in a folder. @throws {Error} If it fails. */
export type Run = (argv: readonly string[], cwd: string) => Promise<void>;

/** The name of the package's file. */
export function debName(platform: Platform): string {
  return `mdproxy4cs_${manifest.version}_${platform}.deb`;
}

/**
 * Writes the package into `folder`.
 *
 * @param options.notices who wrote what is inside the executable
 * @param options.fileTime of every file in it, in seconds since 1970
 */
export async function writeDeb(
  folder: string,
  { platform, program, notices, fileTime, level, run }: {
    readonly platform: Platform;
    readonly program: string;
    readonly notices: string;
    readonly fileTime: number;
    /** How hard to compress, 0 to 9. */
    readonly level: number;
    readonly run: Run;
  },
): Promise<void> {
  const stage = await Deno.makeTempDir({ dir: folder });
  try {
    const put = async (path: string, mode: number, text: string) => {
      await makeRoom(path);
      await Deno.writeTextFile(`${stage}/${path}`, text);
      await Deno.chmod(`${stage}/${path}`, mode);
    };
    const makeRoom = (path: string) =>
      Deno.mkdir(`${stage}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
    await Deno.chmod(stage, 0o755);
    for (const [source, path, mode] of [[program, "usr/bin/mdproxy4cs", 0o755], ...FILES] as const) {
      await makeRoom(path);
      await Deno.copyFile(source.startsWith("/") ? source : `${TOP}/${source}`, `${stage}/${path}`);
      await Deno.chmod(`${stage}/${path}`, mode);
    }
    await put("usr/share/doc/mdproxy4cs/changelog", 0o644, formatChangelog(fileTime));
    for (const path of COMPRESSED) await run(["gzip", "-9", "--no-name", path], stage);
    await put("usr/share/doc/mdproxy4cs/copyright", 0o644, formatCopyright(notices));
    await put("usr/share/lintian/overrides/mdproxy4cs", 0o644, OVERRIDES);
    const { size } = await Deno.stat(program);
    await put("DEBIAN/control", 0o644, formatControl(platform, Math.ceil(size / 1024) + 100));
    await put("DEBIAN/conffiles", 0o644, "/etc/default/mdproxy4cs\n");
    for (const [name, text] of Object.entries(SCRIPTS)) await put(`DEBIAN/${name}`, 0o755, text);
    // dpkg-deb takes folders as they are.
    await run(["find", ".", "-type", "d", "-exec", "chmod", "755", "{}", "+"], stage);
    await run([
      "sh",
      "-c",
      `find . -type f ! -path './DEBIAN/*' -printf '%P\\n' | sort | xargs md5sum > DEBIAN/md5sums`,
    ], stage);
    await run(["chmod", "644", "DEBIAN/md5sums"], stage);
    await run(["find", ".", "-exec", "touch", "--no-dereference", `--date=@${fileTime}`, "{}", "+"], stage);
    await run(
      ["dpkg-deb", "--root-owner-group", "-Zxz", `-z${level}`, "--build", stage, `${folder}/${debName(platform)}`],
      stage,
    );
  } finally {
    await Deno.remove(stage, { recursive: true });
  }
}

function formatControl(platform: Platform, installedKb: number): string {
  return `Package: mdproxy4cs
Version: ${manifest.version}
Architecture: ${platform}
Maintainer: ${MAINTAINER}
Installed-Size: ${installedKb}
Depends: libc6 (>= 2.27), libgcc-s1 | libgcc1, iproute2
Recommends: systemd
Section: net
Priority: optional
Homepage: https://github.com/orange-cloudfoundry/mdproxy4cs
Description: proxy for the metadata of a CloudStack virtual router
 Runs in a virtual machine on Apache CloudStack, finds the virtual router that
 has the machine's user-data, keys and instance data, and serves them at an
 address that never changes: http://169.254.169.254:39724.
`;
}

/** Debian's form; what changed is in NEWS.md. */
function formatChangelog(fileTime: number): string {
  const date = new Date(fileTime * 1_000).toUTCString().replace("GMT", "+0000");
  return `mdproxy4cs (${manifest.version}) stable; urgency=medium

  * What changed is in /usr/share/doc/mdproxy4cs/NEWS.md.gz.

 -- ${MAINTAINER}  ${date}
`;
}

function formatCopyright(notices: string): string {
  return `mdproxy4cs is licensed under the Apache License, Version 2.0, which is in /usr/share/common-licenses/Apache-2.0.
Source: https://github.com/orange-cloudfoundry/mdproxy4cs

Copyright: the authors of mdproxy4cs

${notices}`;
}
