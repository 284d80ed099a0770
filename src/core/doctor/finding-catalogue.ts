import { CONFIG_FINDINGS } from "./config/config-findings.ts";
import { HOSTS_FINDINGS } from "./hosts/hosts-findings.ts";
import { PROCESS_FINDINGS } from "./process/process-findings.ts";
import { PULL_FINDINGS } from "./pulls/pull-findings.ts";

/** Every code with its title. Each family keeps its own list; docs/findings.md has a section per code. */
export const FINDINGS = { ...CONFIG_FINDINGS, ...HOSTS_FINDINGS, ...PROCESS_FINDINGS, ...PULL_FINDINGS };
