import type { ContainerdVersion } from "../core/containerd/version.ts";
import type { HostState } from "../core/host-state.ts";
import { hasErrors, type Issue } from "../core/issue.ts";
import type { NodePlan } from "../core/plan/node-plan.ts";
import { unreadUnitIssue } from "../core/plan/tracing-issues.ts";
import { restartsForTraces, withoutTracing } from "../core/plan/with-tracing.ts";
import type { ApplyRecord } from "./apply-record.ts";
import { complaintOf } from "./health-gate.ts";
import type { PassContext } from "./pass-context.ts";
import type { Clock } from "./ports.ts";

/** A try costs a reload of systemd's units, and touches a file that the agent watches: not at every pass. */
const TRY_AGAIN_MS = 600_000;

/**
 * The plan without a switch of traces that could not be written a moment ago, or that would have systemd read what
 * somebody else has changed in containerd's unit, and without a restart for traces alone where that could put in force
 * what somebody else has left in config.toml or installed, or would hit a containerd that is not well: evidence is
 * worth no risk to pulls.
 */
export async function holdTracing(
  plan: NodePlan,
  host: HostState,
  record: ApplyRecord,
  context: PassContext,
): Promise<NodePlan> {
  const unread = await unreadUnit(plan, context);
  if (unread !== undefined) {
    const held = withoutTracing(plan, { state: "pending", message: unread.message });
    return { ...held, issues: [...held.issues, unread] };
  }
  const isForTraces = restartsForTraces(plan);
  if (!isForTraces && plan.configEdit !== undefined) return plan;
  const trouble = context.retryQuarantined ? undefined : recentTrouble(record, context.ports.clock);
  const reason = trouble ?? (isForTraces ? await reasonToWait(plan, host, record, context) : undefined);
  return reason === undefined ? plan : withoutTracing(plan, { state: "pending", message: reason });
}

/**
 * A restart alone leaves such a change where it is; only the reload that a drop-in of ours needs would put it in force.
 * Not for a person who asks either: what they ask for is the desired state.
 */
async function unreadUnit(
  { tracing }: NodePlan,
  { ports, config }: Pick<PassContext, "ports" | "config">,
): Promise<Issue | undefined> {
  if (!(tracing?.step?.files ?? []).some(({ place }) => place.kind === "drop-in")) return undefined;
  return (await ports.containerd.unitAwaitsReload()) ? unreadUnitIssue(config.containerd.restart) : undefined;
}

function recentTrouble(
  { tracesTrouble }: ApplyRecord,
  { bootId, uptimeMs }: Pick<Clock, "bootId" | "uptimeMs">,
): string | undefined {
  if (tracesTrouble?.bootId !== bootId) return undefined;
  const waitMs = tracesTrouble.uptimeMs + TRY_AGAIN_MS - uptimeMs();
  if (waitMs <= 0) return undefined;
  return `traces could not be switched: ${tracesTrouble.message}; tried again in ${Math.ceil(waitMs / 1000)} s, or by mirrorlet apply`;
}

async function reasonToWait(
  { issues }: NodePlan,
  { config, version }: HostState,
  record: ApplyRecord,
  { ports, signal, retryQuarantined }: PassContext,
): Promise<string | undefined> {
  const { containerd } = ports;
  const { path, file } = config;
  if (isDegraded(record) && !retryQuarantined)
    return "containerd is not well since a change that was taken back; it is not restarted for traces";
  if (hasErrors(issues)) return `containerd is not restarted for traces until ${path} is put right`;
  const startedMs = await containerd.startedMs();
  if (file !== undefined && startedMs !== undefined && file.modifiedMs > startedMs)
    return `${path} was changed after containerd started, so it is not restarted for traces; once somebody has restarted it on that file, it will be`;
  const health = await containerd.health(signal);
  const complaint = health.unknown === true ? "it cannot be asked" : complaintOf(health);
  if (complaint !== undefined)
    return `containerd is not restarted for traces as long as it is not well: ${complaint}`;
  if (health.version !== undefined && !isSameRelease(health.version, version))
    return `containerd ${version.text} is installed and ${health.version.text} still runs, so it is not restarted for traces; once somebody has restarted it, it will be`;
  if (file === undefined) return undefined;
  const dump = await containerd.dumpConfig(path);
  return dump.ok
    ? undefined
    : `containerd is not restarted for traces, because it would not take ${path}: ${dump.message}`;
}

/** Suffixes of packagers are not told alike by the program and the daemon. */
function isSameRelease(a: ContainerdVersion, b: ContainerdVersion): boolean {
  return a.major === b.major && a.minor === b.minor && a.patch === b.patch;
}

export function isDegraded({ quarantine, tracesQuarantine }: ApplyRecord): boolean {
  return quarantine?.degraded === true || tracesQuarantine?.degraded === true;
}
