import { assertEquals } from "@std/assert";
import { debName } from "../../tools/release/deb.ts";
import { runCommand } from "../support/net/process.ts";
import { createNetwork } from "../support/net/network.ts";
import { networkTest } from "../support/net/network_test.ts";
import { builtRelease, VERSION } from "../support/release.ts";

const UNIT = "/usr/share/mdproxy4cs/mdproxy4cs.service";
const PROGRAMS = ["systemd-networkd", "zip", "libdeflate-gzip", "xz", "dpkg-deb"] as const;
const LINK = "etc/systemd/system/mdproxy4cs.service";

/** A system's root folder in which dpkg installs and systemctl enables for real; nothing runs in it. */
interface System {
  readonly root: string;
  /** Runs dpkg with these words behind `--root`; it has to succeed. */
  dpkg(...words: string[]): Promise<void>;
  systemctl(...words: string[]): Promise<string>;
  has(path: string): Promise<boolean>;
  install(version?: string): Promise<void>;
}

function debTest(name: string, run: (system: System) => Promise<void>): void {
  networkTest(name, { programs: PROGRAMS, network: "none" }, async () => {
    const deb = `${await builtRelease()}/${debName("amd64")}`;
    const folder = await Deno.makeTempDir({ prefix: "mdproxy4cs-test-" });
    try {
      await run(createSystem(folder, deb));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

function createSystem(folder: string, deb: string): System {
  const root = `${folder}/root`;
  const must = async (...argv: string[]) => {
    const { code, stdout, stderr } = await runCommand(argv);
    assertEquals(code, 0, `${argv.join(" ")}: ${stdout}${stderr}`);
  };
  const dpkg: System["dpkg"] = (...words) =>
    must("dpkg", `--root=${root}`, `--log=${folder}/log`, "--force-script-chrootless,not-root,depends", ...words);
  return {
    root,
    dpkg,
    systemctl: async (...words) => (await runCommand(["systemctl", `--root=${root}`, ...words])).stdout.trim(),
    has: (path) => Deno.lstat(`${root}/${path}`).then(() => true, () => false),
    async install(version = VERSION) {
      const script = `
        mkdir -p "$1/root/var/lib/dpkg/info" "$1/root/var/lib/dpkg/updates"; touch "$1/root/var/lib/dpkg/status"
        dpkg-deb --raw-extract "$2" "$1/deb"; sed -i "s/^Version: .*/Version: $3/" "$1/deb/DEBIAN/control"
        : > "$1/deb/usr/bin/mdproxy4cs"; dpkg-deb -Znone --build "$1/deb" "$1/$3.deb"; rm -r "$1/deb"
      `;
      await must("sh", "-euc", script, "sh", folder, deb, version);
      await dpkg("--install", `${folder}/${version}.deb`);
    },
  };
}

debTest(
  "the Debian package enables its unit when it is installed for the first time",
  async ({ install, systemctl }) => {
    await install();
    assertEquals(await systemctl("is-enabled", "mdproxy4cs.service"), "enabled");
  },
);

debTest("an upgrade of the Debian package leaves the unit enabled", async ({ install, systemctl }) => {
  await install();
  await install("99.0.0");
  assertEquals(await systemctl("is-enabled", "mdproxy4cs.service"), "enabled");
});

debTest("an upgrade of the Debian package leaves a unit disabled that was", async ({ install, systemctl, has }) => {
  await install();
  await systemctl("disable", "mdproxy4cs.service");
  await install("99.0.0");
  assertEquals(await has(LINK), false);
});

debTest(
  "the Debian package can be installed and upgraded where its unit is masked, and leaves it so",
  async (system) => {
    await Deno.mkdir(system.root);
    await system.systemctl("mask", "mdproxy4cs.service");
    for (const version of [VERSION, "99.0.0"]) {
      await system.install(version);
      assertEquals(await system.systemctl("is-enabled", "mdproxy4cs.service"), "masked");
    }
  },
);

debTest("the Debian package's removal disables the unit, and another installation has it as it was", async (system) => {
  await system.install();
  await system.dpkg("--remove", "mdproxy4cs");
  assertEquals([await system.has(LINK), await system.has("etc/default/mdproxy4cs")], [false, true]);
  await system.install();
  assertEquals(await Deno.readLink(`${system.root}/${LINK}`), UNIT);
  await system.systemctl("disable", "mdproxy4cs.service");
  await system.dpkg("--remove", "mdproxy4cs");
  await system.install();
  assertEquals(await system.has(LINK), false);
});

debTest("a purge of the Debian package leaves nothing of it", async ({ root, install, dpkg }) => {
  await install();
  for (const path of ["run/mdproxy4cs-root/leases", "var/log/private/mdproxy4cs"]) {
    await Deno.mkdir(`${root}/${path}`, { recursive: true });
  }
  await Deno.symlink("private/mdproxy4cs", `${root}/var/log/mdproxy4cs`);
  await dpkg("--remove", "mdproxy4cs");
  await dpkg("--purge", "mdproxy4cs");
  assertEquals((await runCommand(["find", root, "-name", "*mdproxy4cs*"])).stdout, "");
});

/** How a script of the package starts or stops the unit, on a machine that runs and has these programs, which do no more. */
async function acts(script: string, words: readonly string[], programs: Readonly<Record<string, string>>) {
  await using network = await createNetwork();
  const host = await network.createHost("vm");
  await host.must(["dpkg-deb", "--control", `${await builtRelease()}/${debName("amd64")}`, "/run/control"]);
  await host.must(["mkdir", "-p", "/run/systemd/system", "/run/bin"]);
  await host.must(["ln", "-s", "/bin/rm", "/run/bin/rm"]);
  for (const [name, exit] of Object.entries(programs)) {
    await host.write(`/run/bin/${name}`, `#!/bin/sh\necho "${name} $*"\n${exit}\n`);
    await host.must(["chmod", "755", `/run/bin/${name}`]);
  }
  const printed = await host.must(["env", "PATH=/run/bin", "/bin/sh", `/run/control/${script}`, ...words]);
  return printed.split("\n").filter((line) => / (restart|stop) /.test(line));
}

networkTest(
  "the Debian package has policy-rc.d asked before it starts or stops its unit, where Debian's way is there",
  { programs: PROGRAMS },
  async () => {
    const both = { systemctl: "", "deb-systemd-invoke": "" };
    assertEquals(await acts("postinst", ["configure", ""], both), ["deb-systemd-invoke restart mdproxy4cs.service"]);
    assertEquals(await acts("prerm", ["remove"], both), ["deb-systemd-invoke stop mdproxy4cs.service"]);
    assertEquals(await acts("prerm", ["remove"], { systemctl: "" }), ["systemctl stop mdproxy4cs.service"]);
  },
);

networkTest(
  "the Debian package is configured also where nobody answers systemctl",
  { programs: PROGRAMS },
  async () => {
    const failing = { systemctl: "case $1 in --root=*) ;; *) exit 1 ;; esac" };
    assertEquals(await acts("postinst", ["configure", ""], failing), ["systemctl restart mdproxy4cs.service"]);
  },
);
