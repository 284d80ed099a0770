import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { type AskHelper, createHelperClient } from "../host/helper/helper-client.ts";

/** Root needs no helper, even where the agent has one: its command line works on the node itself. */
export function helperOf({ helper }: Pick<AgentConfig, "helper">, root: string): AskHelper | undefined {
  if (helper === undefined || process.getuid?.() === 0) return undefined;
  return createHelperClient(`${root}${helper}`);
}
