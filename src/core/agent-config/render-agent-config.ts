import type { EffectiveSetting, Origin } from "./merge-settings.ts";

/** The effective configuration as an agent.toml whose comments tell where each value came from. */
export function renderAgentConfig(settings: readonly EffectiveSetting<string>[]): string {
  const lines: string[] = [];
  let section = "";
  for (const { key, toml, origin } of settings) {
    const dot = key.indexOf(".");
    const table = key.slice(0, Math.max(dot, 0));
    if (table !== section) lines.push("", `[${table}]`);
    section = table;
    lines.push(`${`${key.slice(dot + 1)} = ${toml}`.padEnd(56)}  # ${describeOrigin(origin)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** `default`, `/etc/mirrorlet/agent.toml:3`, `MIRRORLET_RESYNC` or `--set resync`. */
function describeOrigin(origin: Origin): string {
  switch (origin.from) {
    case "default":
      return "default";
    case "file":
      return `${origin.at.file}:${origin.at.line}`;
    case "environment":
    case "flag":
      return origin.name;
    default:
      return origin satisfies never;
  }
}
