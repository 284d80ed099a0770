import type { HostProbe, RegistryEvidence } from "./evidence-report.ts";
import { fallbackTarget } from "./registry-hosts.ts";

/** No mirror of a registry answers: what the next pull would meet. */
export interface DeadMirrors {
  readonly status: "warn" | "fail";
  /** Each mirror's newest probe. */
  readonly probes: readonly HostProbe[];
  /** `pulls would go to gcr.io`, or `pulls would fail`. */
  readonly follows: string;
}

/** Undefined unless every mirror was asked and none answers. */
export function findDeadMirrors(registry: RegistryEvidence): DeadMirrors | undefined {
  const { mirrors, upstream, namespace } = registry;
  const probes = registry.probes.filter(({ role }) => role === "mirror");
  const isComplete = probes.length > 0 && probes.length >= new Set(mirrors).size;
  if (!isComplete || probes.some(({ ok }) => ok)) return undefined;
  if (upstream === "never") return { status: "fail", probes, follows: "pulls would fail" };
  const target = namespace === "*" ? "the upstream" : fallbackTarget(registry, namespace);
  return { status: "warn", probes, follows: `pulls would go to ${target}` };
}

/** `mirror:5000 does not answer as it should (tls): certificate has expired`. */
export function describeFailedProbe({ host, failedPhase, message }: HostProbe): string {
  const phase = failedPhase === undefined ? "" : ` (${failedPhase})`;
  return `${host} does not answer as it should${phase}${message === "" ? "" : `: ${message}`}`;
}
