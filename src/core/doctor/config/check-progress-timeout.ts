import { type Fate, fateOf } from "../fate.ts";
import { atFile, atPath, type Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { RESTART } from "./config-edit.ts";
import { namespacesInForce } from "./filled-directories.ts";

/** containerd's own, where hosts.toml has no dial_timeout that it knows. */
const DIAL_TIMEOUT_MS = 30_000;

/** `image_pull_progress_timeout`, where it takes pulls with it. */
export function checkProgressTimeout(view: NodeView): readonly Finding[] {
  const { pullProgressTimeout } = view.config.settings;
  if (pullProgressTimeout === undefined) return [];
  const { value, at } = pullProgressTimeout;
  const where = at === undefined ? atPath(view.configFile) : atFile(at);
  const line = at === undefined ? view.configFile : `line ${at.line} of ${at.file}`;
  const fix = `write image_pull_progress_timeout = "5m0s" in ${line} and ${RESTART}`;
  const written = `image_pull_progress_timeout = ${JSON.stringify(value.text)}`;
  if (value.ms === undefined)
    return [
      {
        code: "progress-timeout-invalid",
        severity: "error",
        where,
        fact: `${written} is no duration`,
        consequence: "every pull fails: failed to parse image_pull_progress_timeout",
        fix,
      },
    ];
  if (value.ms <= 0) return view.config.pullMode === "local" ? [] : [isOff(view, written, where, fix)];
  return view.config.pullMode === "local" ? checkShort(view, value.ms, written, where) : [];
}

function isOff(view: NodeView, written: string, where: Finding["where"], fix: string): Finding {
  return {
    code: "progress-timeout-off",
    severity: "error",
    where,
    fact: `${written} turns the timeout off for local pulls alone; the transfer service of containerd ${view.version.text} takes it for no time at all`,
    consequence: "every pull hangs (containerd#14158)",
    fix,
  };
}

/** Each dead host costs a dial timeout without progress, and they add up; then the pull is cancelled, upstream and all. */
function checkShort(
  view: NodeView,
  timeoutMs: number,
  written: string,
  where: Finding["where"],
): readonly Finding[] {
  const slow = namespacesInForce(view)
    .map((namespace) => fateOf(namespace, view))
    .map((fate) => ({ fate, ms: dialMs(fate) }))
    .filter(({ ms }) => ms >= timeoutMs)
    .sort((a, b) => b.ms - a.ms);
  const [worst] = slow;
  if (worst === undefined) return [];
  const isWritten = view.config.settings.pullProgressTimeout?.at !== undefined;
  return [
    {
      code: "progress-timeout-short",
      severity: isWritten ? "warning" : "info",
      where,
      fact: `${isWritten ? written : `${written} (the default)`}, and the hosts before the last one of ${worst.fate.namespace} take ${worst.ms / 1000} s to be given up when they do not answer`,
      consequence: `while they are down, pulls of ${worst.fate.namespace}${slow.length === 1 ? "" : ` and ${slow.length - 1} more`} are cancelled before the last host is asked`,
      fix: `write image_pull_progress_timeout = "${Math.ceil((worst.ms * 4) / 60_000)}m0s"${view.traits.knowsDialTimeout ? ', or dial_timeout = "1s" for these hosts in hosts.toml' : ""}, and ${RESTART}`,
    },
  ];
}

function dialMs({ byTag }: Fate): number {
  return (byTag?.hosts ?? [])
    .slice(0, -1)
    .reduce((sum, { entry }) => sum + (entry.dialTimeoutMs ?? DIAL_TIMEOUT_MS), 0);
}
