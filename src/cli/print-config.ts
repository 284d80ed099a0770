import type { EffectiveSetting } from "../core/agent-config/parse-agent-config.ts";
import { renderAgentConfig } from "../core/agent-config/render-agent-config.ts";
import { redactSecrets } from "../core/redact-secrets.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";

/** `agent --print-config`: every effective value and where it came from, as an agent.toml or as JSON. */
export function printConfig(settings: readonly EffectiveSetting[], io: CommandIo): ExitCode {
  // Settings hold paths, not secrets, but a restart command may carry one.
  const shown = settings.map((setting) => ({ ...setting, toml: redactSecrets(setting.toml) }));
  if (io.json) printJson(io, "agent-config", { settings: shown });
  else io.stdout(renderAgentConfig(shown));
  return 0;
}
