import type { EvidenceReport, HostProbe, RegistryEvidence } from "./evidence-report.ts";
import { fallbackTarget } from "./registry-hosts.ts";

/** In the words of application/health+json: nothing is wrong · something is, and pulls go on · pulls are wrong. */
export type HealthStatus = "pass" | "warn" | "fail";

export interface RegistryHealth {
  readonly status: HealthStatus;
  /** What is wrong, or what is proven, in a sentence for a person. */
  readonly output: string;
}

/**
 * How well a registry is served. The verdict of its pulls comes first: bypassed and failing are a failure, mixed is
 * a warning. Mirrors that answer probes again after they had failed make a failure a warning, so that it ends
 * without luck. Probes alone: if no mirror answers, the next pull goes to the upstream, a warning, or fails where the
 * upstream is closed, a failure.
 */
export function assessRegistry(registry: RegistryEvidence): RegistryHealth {
  const byPulls = assessVerdict(registry);
  const byProbes = assessProbes(registry);
  if (byProbes === undefined) return byPulls;
  const status = worseOf(byPulls.status, byProbes.status);
  // The reason for the status comes first.
  const first =
    byPulls.status === status && byPulls.status !== "pass" ? [byPulls, byProbes] : [byProbes, byPulls];
  return { status, output: first.map(({ output }) => output).join("; ") };
}

export function assessEvidence({ registries }: Pick<EvidenceReport, "registries">): HealthStatus {
  return registries.reduce<HealthStatus>((worst, one) => worseOf(worst, assessRegistry(one).status), "pass");
}

export function worseOf(one: HealthStatus, other: HealthStatus): HealthStatus {
  if (one === "fail" || other === "fail") return "fail";
  return one === "warn" || other === "warn" ? "warn" : "pass";
}

/** The newest probes of the mirrors, when every mirror was asked and none answers; else undefined. */
export function deadMirrors({ mirrors, probes }: RegistryEvidence): readonly HostProbe[] | undefined {
  const asked = probes.filter(({ role }) => role === "mirror");
  const isComplete = asked.length > 0 && asked.length >= new Set(mirrors).size;
  return isComplete && asked.every(({ ok }) => !ok) ? asked : undefined;
}

function assessVerdict(registry: RegistryEvidence): RegistryHealth {
  const { verdict, recoveredMs } = registry;
  const output = `${verdict.name}: ${verdict.message}`;
  switch (verdict.name) {
    case "mirrored":
    case "unproven":
      return { status: "pass", output };
    case "mixed":
      return { status: "warn", output };
    case "bypassed":
    case "failing":
      return recoveredMs === undefined
        ? { status: "fail", output }
        : {
            status: "warn",
            output: `${output}; since then a mirror answers again, which the next pull has to show`,
          };
    default:
      return verdict.name satisfies never;
  }
}

function assessProbes(registry: RegistryEvidence): RegistryHealth | undefined {
  const dead = deadMirrors(registry);
  if (dead === undefined) return undefined;
  const isClosed = registry.upstream === "never";
  const target = registry.namespace === "*" ? "the upstream" : fallbackTarget(registry, registry.namespace);
  const follows = isClosed ? "pulls would fail" : `pulls would go to ${target}`;
  const [first, ...more] = dead.map(describeProbe);
  const others = more.length === 0 ? "" : ` (nor do ${more.length} more)`;
  const output = `${first}${others}; ${follows}`;
  return { status: isClosed ? "fail" : "warn", output };
}

/** `mirror:5000 does not answer as it should (tls): certificate has expired`. */
export function describeProbe({ host, ok, failedPhase, message }: HostProbe): string {
  if (ok) return `${host} answers${message === "" ? "" : `: ${message}`}`;
  const phase = failedPhase === undefined ? "" : ` (${failedPhase})`;
  return `${host} does not answer as it should${phase}${message === "" ? "" : `: ${message}`}`;
}
