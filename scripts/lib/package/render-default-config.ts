import { parseAgentConfig } from "../../../src/core/agent-config/parse-agent-config.ts";
import type { SettingKey } from "../../../src/core/agent-config/settings.ts";
import { SETTING_TEXTS } from "./setting-texts.ts";

/** The agent.toml that is shipped: every key with its meaning and its default, all of it commented out. */
export function renderDefaultConfig(): string {
  const lines = [
    "# Configuration of the mirrorlet agent, see mirrorlet-agent.toml(5). What is commented out is the default;",
    "# `mirrorlet agent --print-config` shows what is in effect. It is read at the agent's start.",
  ];
  let section = "";
  for (const { key, toml } of defaultSettings()) {
    const dot = key.indexOf(".");
    const table = key.slice(0, Math.max(dot, 0));
    if (table !== section) lines.push("", `[${table}]`);
    section = table;
    lines.push("", ...comment(SETTING_TEXTS[key]), `#${key.slice(dot + 1)} = ${toml}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Every key with its default in TOML, in the order of `agent --print-config`. */
export function defaultSettings(): readonly { readonly key: SettingKey; readonly toml: string }[] {
  const parsed = parseAgentConfig({ env: {}, flags: [] });
  if (!parsed.ok) throw new Error("the defaults do not hold");
  return parsed.settings;
}

function comment(text: string): readonly string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last.length + word.length > 110) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.map((line) => `# ${line}`);
}
