import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { archiveName } from "../../tools/release/release.ts";
import { debName } from "../../tools/release/deb.ts";
import { startGitHub } from "../support/github.ts";
import type { GitHub } from "../support/github.ts";
import { runCommand } from "../support/net/process.ts";
import { networkTest } from "../support/net/network_test.ts";
import { builtRelease, VERSION } from "../support/release.ts";
import { filePath } from "../../tools/file_path.ts";

const INSTALL = filePath("../../assets/install.sh", import.meta.url);
const ARCHIVE = `${archiveName("amd64")}.tar.gz`;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** That the unit is started at boot. */
const WANTED = "etc/systemd/system/multi-user.target.wants/mdproxy4cs.service";

/** What an installation puts into an image, with its mode. */
const INSTALLED = [
  "644 etc/default/mdproxy4cs",
  "644 usr/lib/systemd/system/mdproxy4cs-wait-ready.service",
  "644 usr/share/bash-completion/completions/mdproxy4cs",
  "644 usr/share/fish/vendor_completions.d/mdproxy4cs.fish",
  "644 usr/share/man/man8/mdproxy4cs.8",
  "644 usr/share/mdproxy4cs/mdproxy4cs.service",
  "644 usr/share/zsh/vendor-completions/_mdproxy4cs",
  "755 usr/bin/mdproxy4cs",
  "755 usr/share/mdproxy4cs/pre-start.sh",
];

/** Registers a test that has an empty image, and a server of releases. */
function installTest(
  name: string,
  run: (image: Image) => Promise<void>,
  replace: Readonly<Record<string, string>> = {},
  network: "namespaces" | "none" = "none",
): void {
  networkTest(
    name,
    { programs: ["curl", "wget", "systemd-networkd", "zip", "libdeflate-gzip", "xz", "dpkg-deb"], network },
    async () => {
      const release = await builtRelease();
      const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
      await using github = startGitHub(release, `v${VERSION}`, replace);
      try {
        await Deno.mkdir(`${folder}/image/usr`, { recursive: true });
        await run(createImage(folder, { github, release }));
        assertEquals(await namesIn(`${folder}/tmp`), [], "something was left in TMPDIR");
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  );
}

interface Image {
  readonly folder: string;
  readonly root: string;
  readonly release: string;
  readonly github: GitHub;
  /** Runs install.sh on the image, behind the words of `within`, and returns its exit code and what it said. */
  install(
    args?: readonly string[],
    env?: Readonly<Record<string, string>>,
    umask?: string,
    within?: readonly string[],
  ): Promise<{ code: number; said: string }>;
  /** The files in the image, with their modes. */
  files(): Promise<string[]>;
}

function createImage(folder: string, { github, release }: { github: GitHub; release: string }): Image {
  const root = `${folder}/image`;
  return {
    folder,
    root,
    release,
    github,
    async install(args = [], env = {}, umask = "022", within = []) {
      await Deno.mkdir(`${folder}/tmp`, { recursive: true });
      const line = [...within, "sh", INSTALL, "--root", root, "--arch", "amd64", ...args];
      const { code, stdout, stderr } = await runCommand(["sh", "-c", 'umask "$0"; exec "$@"', umask, ...line], {
        env: { TMPDIR: `${folder}/tmp`, MDPROXY4CS_API: github.url, MDPROXY4CS_DOWNLOADS: github.url, ...env },
      });
      return { code, said: stdout + stderr };
    },
    async files() {
      const { stdout } = await runCommand(["find", root, "-type", "f", "-printf", "%m %P\\n"]);
      return stdout.split("\n").filter(Boolean).sort();
    },
  };
}

async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  return names;
}

installTest("install.sh installs the latest release and enables its unit", async ({ install, files, root, github }) => {
  const { code, said } = await install();
  assertEquals(code, 0, said);
  assertEquals(await files(), INSTALLED);
  assertEquals(
    await Deno.readLink(`${root}/${WANTED}`),
    "/usr/share/mdproxy4cs/mdproxy4cs.service",
  );
  assertStringIncludes(github.requests.join("\n"), "/releases/latest");
});

for (const version of [VERSION, `v${VERSION}`]) {
  installTest(
    `install.sh --version ${version} asks for that release and not for the latest`,
    async ({ install, files, github }) => {
      const { code, said } = await install(["--version", version]);
      assertEquals(code, 0, said);
      assertEquals(await files(), INSTALLED);
      assert(!github.requests.some((path) => path.includes("latest")));
    },
  );
}

installTest(
  "install.sh can be run again: it replaces everything but the settings",
  async ({ install, files, root }) => {
    await install();
    await Deno.writeTextFile(`${root}/etc/default/mdproxy4cs`, "MDPROXY4CS_INAME=eth1\n");
    await Deno.writeTextFile(`${root}/usr/share/mdproxy4cs/pre-start.sh`, "something old");
    const { code, said } = await install();
    assertEquals(code, 0, said);
    assertStringIncludes(said, "keeping your /etc/default/mdproxy4cs");
    assertEquals(await files(), INSTALLED);
    assertEquals(await Deno.readTextFile(`${root}/etc/default/mdproxy4cs`), "MDPROXY4CS_INAME=eth1\n");
    assertStringIncludes(await Deno.readTextFile(`${root}/usr/share/mdproxy4cs/pre-start.sh`), "#!/bin/sh");
  },
);

installTest("install.sh makes what everybody can read, under any umask, also in an empty folder", async (image) => {
  await Deno.remove(`${image.root}/usr`);
  const { code, said } = await image.install([], {}, "077");
  assertEquals(code, 0, said);
  assertEquals(await image.files(), INSTALLED);
  const { stdout } = await runCommand(["find", image.root, "-mindepth", "1", "-type", "d", "!", "-perm", "-755"]);
  assertEquals(stdout, "");
});

installTest(
  "install.sh takes back to an older release what that has, and leaves no file of the newer one",
  async (image) => {
    await image.install();
    const [name, folder] = [archiveName("amd64"), `${image.folder}/older`];
    await Deno.mkdir(folder);
    const script = `
    tar -xzf "$1" -C "$2"; cd "$2"; rm "$3"/assets/*wait* "$3"/assets/*.8 "$3"/assets/default
    tar -czf "$3.tar.gz" "$3"; sha256sum "$3.tar.gz" > checksums.txt
  `;
    await runCommand(["sh", "-euc", script, "sh", `${image.release}/${ARCHIVE}`, folder, name]);
    const { code, said } = await image.install(["--archive", `${folder}/${ARCHIVE}`]);
    assertEquals(code, 0, said);
    assertEquals(await image.files(), INSTALLED.filter((file) => !/wait|man8/.test(file)));
  },
);

installTest("install.sh --uninstall leaves nothing but the settings", async ({ install, files, root }) => {
  await install();
  // What pre-start.sh copied and noted: leases, and a config drive with its secrets.
  await Deno.mkdir(`${root}/run/mdproxy4cs-root/config-drive`, { recursive: true });
  await Deno.writeTextFile(`${root}/run/mdproxy4cs-root/config-drive/user_data.txt`, "secret");
  await Deno.writeTextFile(`${root}/run/mdproxy4cs.starts`, "0 1");
  const { code, said } = await install(["--uninstall"]);
  assertEquals(code, 0, said);
  assertEquals(await files(), ["644 etc/default/mdproxy4cs"]);
  assertEquals(await namesIn(`${root}/usr/share/mdproxy4cs`).catch(() => "gone"), "gone");
  const again = await install(["--uninstall"]);
  assertEquals(again.code, 0, again.said);
});

installTest("install.sh installs nothing when the checksum is wrong", async ({ install, files }) => {
  const { code, said } = await install();
  assertEquals(code, 1);
  assertStringIncludes(said, `the checksum of ${ARCHIVE} is wrong`);
  assertStringIncludes(said, "Nothing was installed");
  assertEquals(await files(), []);
}, { [ARCHIVE]: "not the archive" });

installTest("install.sh installs nothing when the checksums are of another release", async ({ install, files }) => {
  const { code, said } = await install();
  assertEquals(code, 1);
  assertStringIncludes(said, `does not name ${ARCHIVE}`);
  assertEquals(await files(), []);
}, { "checksums.txt": `${"0".repeat(64)}  mdproxy4cs_1.30.0_linux_amd64.tar.gz\n` });

installTest("install.sh says what to do when there is no such release", async ({ install, files }) => {
  const { code, said } = await install(["--version", "0.0.1"]);
  assertEquals(code, 1);
  assertStringIncludes(said, "cannot download");
  assertStringIncludes(said, "Does that release exist?");
  assertEquals(await files(), []);
});

installTest("install.sh works with wget where there is no curl", async ({ install, files, folder, github }) => {
  const bin = await binWithout(folder, ["curl"]);
  const { code, said } = await install([], { PATH: bin });
  assertEquals(code, 0, said);
  assertEquals(await files(), INSTALLED);
  assert(github.requests.length > 0);
});

/** The real one, which tries once, and to which 30 seconds are one. */
const HASTY_CURL = `#!/bin/sh
for word; do
  shift
  if [ "$word" = 30 ]; then word=1; fi
  set -- "$@" "$word"
done
exec timeout 20 /usr/bin/curl "$@" --retry 0
`;

installTest("install.sh gives up a download that stands still", async ({ install, files, folder }) => {
  const standStill = () => new Response(new ReadableStream({ start: (it) => it.enqueue(new Uint8Array(100)) }));
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, standStill);
  await Deno.mkdir(`${folder}/bin`);
  await Deno.writeTextFile(`${folder}/bin/curl`, HASTY_CURL, { mode: 0o755 });
  const env = { PATH: `${folder}/bin:${PATH}`, MDPROXY4CS_DOWNLOADS: `http://127.0.0.1:${server.addr.port}` };
  const { code, said } = await install([], env);
  assertEquals([code, await files()], [1, []]);
  assertMatch(said, /Operation too slow[^]*cannot download/);
});

installTest("install.sh says what to do when there is neither curl nor wget", async ({ install, folder }) => {
  const { code, said } = await install([], { PATH: await binWithout(folder, ["curl", "wget"]) });
  assertEquals(code, 1);
  assertStringIncludes(said, "neither curl nor wget is installed");
  assertStringIncludes(said, "--archive FILE");
});

for (const program of ["sha256sum", "tar"]) {
  installTest(
    `install.sh names ${program} where it is missing, and no other reason`,
    async ({ install, files, folder }) => {
      const { code, said } = await install([], { PATH: await binWithout(folder, [program]) });
      assertEquals([code, await files()], [1, []]);
      assertMatch(said, new RegExp(`^install\\.sh: cannot (verify|unpack) \\S+: ${program} is not installed$`, "m"));
      assert(!/damaged|full/.test(said), said);
    },
  );
}

/** A folder with links to all that is installed, but for some programs. */
async function binWithout(folder: string, programs: readonly string[]): Promise<string> {
  const bin = `${folder}/bin`;
  await Deno.mkdir(bin);
  const script =
    `for dir in $(echo ${PATH} | tr : ' '); do cp -s -n "$dir"/* ${bin}/ 2>/dev/null; done; cd ${bin}; rm ${
      programs.join(" ")
    }`;
  await runCommand(["sh", "-c", script]);
  return bin;
}

installTest("install.sh installs a local archive without any network", async ({ install, files, github, release }) => {
  const { code, said } = await install(["--archive", `${release}/${ARCHIVE}`]);
  assertEquals(code, 0, said);
  assertEquals(await files(), INSTALLED);
  assertEquals(github.requests, []);
});

for (const name of [`${archiveName("amd64")}.tar.xz`, debName("amd64")]) {
  installTest(`install.sh installs the same from ${name}`, async ({ install, files, release }) => {
    const { code, said } = await install(["--archive", `${release}/${name}`]);
    assertEquals(code, 0, said);
    assertEquals(await files(), INSTALLED);
  });
}

installTest("install.sh --format xz downloads the smaller archive", async ({ install, files, github }) => {
  const { code, said } = await install(["--format", "xz"]);
  assertEquals(code, 0, said);
  assertEquals(await files(), INSTALLED);
  assert(github.requests.some((path) => path.endsWith(".tar.xz")));
});

installTest(
  "install.sh installs where no program may be run in TMPDIR, as on a hardened machine",
  async ({ install, files, release }) => {
    const mount = 'mount -t tmpfs -o noexec tmpfs "$TMPDIR"; exec "$@"';
    const within = ["unshare", "--map-root-user", "--mount", "sh", "-euc", mount, "sh"];
    const { code, said } = await install(["--archive", `${release}/${ARCHIVE}`], {}, "022", within);
    assertEquals(code, 0, said);
    assertEquals(await files(), INSTALLED);
  },
  {},
  "namespaces",
);

installTest(
  "install.sh leaves what was there, and no part of a file, where the image's disk is full",
  async ({ install, files, root, folder, release }) => {
    await install();
    await Deno.writeTextFile(`${root}/usr/bin/mdproxy4cs`, "an older one");
    const bin = await binWithout(folder, ["cp"]);
    await Deno.writeTextFile(`${bin}/cp`, '#!/bin/sh\necho half > "$2"\nexit 1\n', { mode: 0o755 });
    const { code, said } = await install(["--archive", `${release}/${ARCHIVE}`], { PATH: bin });
    assertEquals(code, 1);
    assertStringIncludes(said, "Is its disk full or read-only? What was there before still works.");
    assertEquals(await files(), INSTALLED);
    assertEquals(await Deno.readTextFile(`${root}/usr/bin/mdproxy4cs`), "an older one");
  },
);

installTest(
  "install.sh refuses to install where another one is at work, and does not disturb it",
  async ({ install, files, root, folder, release }) => {
    const bin = await binWithout(folder, ["cp"]);
    const second = `sh '${INSTALL}' --root '${root}' --archive '${release}/${ARCHIVE}' >'${folder}/second' 2>&1`;
    const cp = `#!/bin/sh\n/bin/cp "$@"\n[ -e '${folder}/second' ] || PATH=${PATH} ${second}\nexit 0\n`;
    await Deno.writeTextFile(`${bin}/cp`, cp, { mode: 0o755 });
    const { code, said } = await install(["--archive", `${release}/${ARCHIVE}`], { PATH: bin });
    assertEquals(code, 0, said);
    assertStringIncludes(await Deno.readTextFile(`${folder}/second`), `another install.sh is at work in ${root}/`);
    assertEquals(await files(), INSTALLED);
  },
);

installTest(
  "install.sh leaves what was there, and no part of a file, when it is stopped",
  async ({ install, files, root, folder, release }) => {
    await install();
    await Deno.writeTextFile(`${root}/usr/bin/mdproxy4cs`, "an older one");
    const bin = await binWithout(folder, ["cp"]);
    await Deno.writeTextFile(`${bin}/cp`, '#!/bin/sh\necho half > "$2"\nkill -TERM 0\n', { mode: 0o755 });
    const within = ["setsid", "--wait"];
    const { code } = await install(["--archive", `${release}/${ARCHIVE}`], { PATH: bin }, "022", within);
    assertEquals([code, await files()], [1, INSTALLED]);
    assertEquals(await Deno.readTextFile(`${root}/usr/bin/mdproxy4cs`), "an older one");
  },
);

/** Systems that lack what the executable needs: the files in them, and what is said. */
const LACKING: readonly (readonly [what: string, files: Readonly<Record<string, string>>, said: string])[] = [
  [
    "an old glibc",
    { "lib/x86_64-linux-gnu/libc.so.6": "\0GNU C Library (Debian GLIBC 2.26-11) stable release version 2.26, by\n" },
    "has glibc 2.26, and mdproxy4cs needs 2.27",
  ],
  [
    "no libgcc_s",
    { "usr/lib/x86_64-linux-gnu/libc.so.6": "\0GNU C Library (Debian GLIBC 2.27-9) stable release version 2.27.\n" },
    "libgcc_s.so.1 is missing",
  ],
  ["musl", { "lib/ld-musl-x86_64.so.1": "" }, "has musl"],
];

for (const [what, given, expected] of LACKING) {
  installTest(`install.sh refuses a system with ${what}, and says so`, async ({ install, files, root, release }) => {
    for (const [path, text] of Object.entries(given)) {
      await Deno.mkdir(`${root}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
      await Deno.writeTextFile(`${root}/${path}`, text);
    }
    const before = await files();
    const { code, said } = await install(["--archive", `${release}/${ARCHIVE}`]);
    assertEquals(code, 1, said);
    assertStringIncludes(said, expected);
    assertEquals(await files(), before);
  });
}

installTest("install.sh verifies a local archive too", async ({ install, files, folder, release }) => {
  await Deno.writeTextFile(`${folder}/${ARCHIVE}`, "damaged");
  const missing = await install(["--archive", `${folder}/${ARCHIVE}`]);
  assertStringIncludes(missing.said, "there is no checksums.txt beside");
  await Deno.copyFile(`${release}/checksums.txt`, `${folder}/checksums.txt`);
  const wrong = await install(["--archive", `${folder}/${ARCHIVE}`]);
  assertStringIncludes(wrong.said, "checksum of");
  assertEquals([missing.code, wrong.code, await files()], [1, 1, []]);
});

installTest("install.sh goes through the proxy of the environment", async ({ install, files, github }) => {
  const direct = { MDPROXY4CS_API: "http://api.github.test", MDPROXY4CS_DOWNLOADS: "http://github.test" };
  const { code, said } = await install([], { ...direct, http_proxy: github.url });
  assertEquals(code, 0, said);
  assertEquals(await files(), INSTALLED);
});

installTest("install.sh asks an HTTPS proxy for a tunnel to where the releases are", async ({ install }) => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const asked = (async () => {
    using connection = await listener.accept();
    const buffer = new Uint8Array(1024);
    const length = await connection.read(buffer) ?? 0;
    await connection.write(new TextEncoder().encode("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
    return new TextDecoder().decode(buffer.subarray(0, length));
  })();
  const { code, said } = await install(["--version", VERSION], {
    MDPROXY4CS_DOWNLOADS: "https://github.test",
    https_proxy: `http://127.0.0.1:${listener.addr.port}`,
  });
  assertEquals(code, 1);
  assertStringIncludes(await asked, "CONNECT github.test:443 HTTP/1.1");
  assertStringIncludes(said, "Is a proxy needed (https_proxy)?");
});

installTest(
  "install.sh refuses arguments that it does not know, and points to its help",
  async ({ install, files }) => {
    for (const args of [["--bogus"], ["--version"], ["stray"]]) {
      const { code, said } = await install(args);
      assertEquals(code, 1);
      assertStringIncludes(said, "See install.sh --help.");
    }
    assertEquals(await files(), []);
  },
);

installTest(
  "install.sh takes an empty --root for a mistake, not for the running system",
  async ({ install, files }) => {
    const { code, said } = await install(["--root", "", "--archive", "/nowhere"]);
    assertEquals([code, await files()], [1, []]);
    assertStringIncludes(said, "--root is empty");
  },
);

installTest(
  "install.sh enables the unit in a root folder whose name has a .., and disables it again",
  async (image) => {
    const root = ["--root", `${image.root}/usr/..`];
    const isWanted = () => Deno.lstat(`${image.root}/${WANTED}`).then(() => true, () => false);
    const { code, said } = await image.install(root);
    assertEquals([code, await isWanted()], [0, true], said);
    assertEquals([(await image.install([...root, "--uninstall"])).code, await isWanted()], [0, false]);
  },
);

installTest("install.sh says what to do when the image is not there", async ({ install, folder }) => {
  const { code, said } = await install(["--root", `${folder}/nowhere`]);
  assertEquals(code, 1);
  assertStringIncludes(said, `there is no folder ${folder}/nowhere`);
});

installTest(
  "install.sh asks root whether a root folder that cannot be written to is mounted read-only",
  async ({ install, root }) => {
    const mount = `mount --bind ${root} ${root}; mount -o remount,bind,ro ${root}; exec "$@"`;
    const within = ["unshare", "--map-root-user", "--mount", "sh", "-euc", mount, "sh"];
    const { code, said } = await install([], {}, "022", within);
    assertEquals(code, 1);
    assertStringIncludes(said, `cannot write to ${root}/usr`);
    assertStringIncludes(said, "Is it mounted read-only?");
  },
  {},
  "namespaces",
);
