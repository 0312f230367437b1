/**
 * `/etc/default/mdproxy4cs` with every variable in it, each commented out and at its default.
 *
 * @module
 */

import type { Option } from "../../lib/config/options.ts";
import { OPTIONS, variableOf } from "../../lib/config/options.ts";

const PREAMBLE = `\
# Settings of mdproxy4cs(8), read by its unit. What is commented out is the default; an empty value is the default too.
# To apply a change: systemctl restart mdproxy4cs
#
# Durations are like 250ms, 5s or 1m30s, sizes like 4096, 64k or 4m.
# Under the unit a log file can be below /var/log/mdproxy4cs; the journal needs none.
`;

/** Writes the env file. */
export function formatEnvFile(): string {
  const groups = Map.groupBy<string, Option>(OPTIONS, (option) => option.group);
  const sections = [...groups].map(([group, options]) => `\n\n## ${group}\n${options.map(formatVariable).join("")}`);
  return PREAMBLE + sections.join("").replace(/^\n/, "");
}

function formatVariable({ flag, help, default: preset }: Option): string {
  return `\n# ${help[0]!.toUpperCase()}${help.slice(1)}.\n#${variableOf(flag)}=${preset}\n`;
}
