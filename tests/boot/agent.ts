/**
 * A stand-in for bosh-agent: a unit that is started and ordered as the agent's is, and asks as the agent does.
 *
 * @module
 */

import { installFile } from "./install.ts";
import type { Image, Machine } from "./machine.ts";

/** The agent tries ten times, a second apart, whatever the answer is if it is not 2xx. */
const SCRIPT = `#!/bin/sh
ask() {
  for try in 1 2 3 4 5 6 7 8 9 10; do
    curl -fsS -o "/run/agent/$1" "http://169.254.169.254:39724/latest/$2" && break
    sleep 1
  done
  echo "$try" > "/run/agent/$1.tries"
}
mkdir /run/agent
ask public-keys meta-data/public-keys
ask user-data user-data
`;

const UNIT = `[Unit]
Description=A stand-in for bosh-agent
After=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/bin/bosh-agent

[Install]
WantedBy=multi-user.target
`;

/** Installs the agent into an image, to start at boot. */
export async function installAgent(image: Image): Promise<void> {
  await installFile(image, "/usr/local/bin/bosh-agent", { text: SCRIPT, mode: "755" });
  await installFile(image, "/etc/systemd/system/bosh-agent.service", { text: UNIT });
  await image.outside(["chroot", image.root, "systemctl", "enable", "bosh-agent.service"]);
}

/** What the agent got at boot, and how many tries each took. */
export async function agentReport(machine: Machine) {
  await machine.until("bosh-agent.service", "SubState", (state) => state === "exited");
  const read = (name: string) => machine.must(["cat", `/run/agent/${name}`]);
  return {
    publicKeys: await read("public-keys"),
    userData: await read("user-data"),
    tries: [Number(await read("public-keys.tries")), Number(await read("user-data.tries"))],
  };
}
