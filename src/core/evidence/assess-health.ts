import { describeFailedProbe, findDeadMirrors } from "./assess-probes.ts";
import type { EvidenceReport, RegistryEvidence } from "./evidence-report.ts";

/** In the words of application/health+json: nothing is wrong · something is, and pulls go on · pulls are wrong. */
export type HealthStatus = "pass" | "warn" | "fail";

export interface Health {
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
export function assessRegistry(registry: RegistryEvidence): Health {
  const byPulls = assessVerdict(registry);
  const dead = findDeadMirrors(registry);
  if (dead === undefined) return byPulls;
  const [first, ...more] = dead.probes.map(describeFailedProbe);
  const others = more.length === 0 ? "" : ` (nor do ${more.length} more)`;
  const byProbes = `${first}${others}; ${dead.follows}`;
  // The reason for the status comes first.
  const isProbes = worseOf(byPulls.status, dead.status) !== byPulls.status;
  const parts = isProbes ? [byProbes, byPulls.output] : [byPulls.output, byProbes];
  return { status: worseOf(byPulls.status, dead.status), output: parts.join("; ") };
}

export function assessEvidence({ registries }: Pick<EvidenceReport, "registries">): HealthStatus {
  return registries.reduce<HealthStatus>((worst, one) => worseOf(worst, assessRegistry(one).status), "pass");
}

export function worseOf(one: HealthStatus, other: HealthStatus): HealthStatus {
  if (one === "fail" || other === "fail") return "fail";
  return one === "warn" || other === "warn" ? "warn" : "pass";
}

/** Told of a bad verdict whose mirrors have come back. */
export const RECOVERED = "since then a mirror answers probes again; the next pull will show";

function assessVerdict({ verdict, recoveredMs }: RegistryEvidence): Health {
  const said = `${verdict.name}: ${verdict.message}`;
  const output = recoveredMs === undefined ? said : `${said}; ${RECOVERED}`;
  switch (verdict.name) {
    case "mirrored":
    case "unproven":
      return { status: "pass", output };
    case "mixed":
      return { status: "warn", output };
    case "bypassed":
    case "failing":
      return { status: recoveredMs === undefined ? "fail" : "warn", output };
    default:
      return verdict.name satisfies never;
  }
}
