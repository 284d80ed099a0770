import { defaultHost } from "../../../containerd/default-upstream.ts";
import { cleanText } from "../../../evidence/clean-text.ts";
import type { EvidenceReport, RegistryEvidence } from "../../../evidence/evidence-report.ts";
import { findWatched } from "../../../evidence/find-watched.ts";
import type { RecentPull } from "../../../evidence/recent-pull.ts";
import { describeFate, type FateView, fateOf, nameNamespace } from "../../fate.ts";
import type { Finding, FindingCode, FindingPlace } from "../../finding.ts";

/** What the pulls that an agent has seen show. */
export function judgeEvidence(
  report: EvidenceReport,
  recentPulls: readonly RecentPull[],
  view: FateView,
): readonly Finding[] {
  return [
    ...report.registries.flatMap((registry) => judgeVerdict(registry, view)),
    ...judgeLimits(report, recentPulls),
    ...judgeSources(report),
  ];
}

const CODES: Readonly<Partial<Record<RegistryEvidence["verdict"]["name"], FindingCode>>> = {
  bypassed: "pulls-bypass-mirror",
  mixed: "pulls-partly-upstream",
  failing: "pulls-fail",
};

function judgeVerdict(registry: RegistryEvidence, view: FateView): readonly Finding[] {
  const { namespace, verdict, recoveredMs } = registry;
  const code = CODES[verdict.name];
  if (code === undefined) return verdict.name === "unproven" ? judgeUnproven(registry) : [];
  const last = verdict.lastMs === undefined ? "" : `, last at ${showTime(verdict.lastMs)}`;
  const recovered =
    recoveredMs === undefined
      ? ""
      : `; since ${showTime(recoveredMs)} a mirror answers probes again, and the next pull will show`;
  return [
    {
      code,
      severity: code === "pulls-partly-upstream" || recoveredMs !== undefined ? "warning" : "error",
      where: place(namespace, verdict.source ?? "evidence"),
      fact: `${verdict.name} since ${showTime(verdict.sinceMs)}${last}: ${cleanText(verdict.message)}${recovered}`,
      consequence: `${MEANS[verdict.name] ?? ""}, although by the files ${describeFate(fateOf(namespace, view))}`,
      fix: "mend what the reason names; mirrorlet explain IMAGE asks every host and shows it now",
    },
  ];
}

const MEANS: Readonly<Partial<Record<RegistryEvidence["verdict"]["name"], string>>> = {
  bypassed: "the latest pulls came from the registry itself",
  mixed: "a part of the latest pulls came from the registry itself",
  failing: "the latest pulls failed",
};

/** Pulls that had something to fetch, and nobody saw from where. */
function judgeUnproven({ namespace, pulls, verdict }: RegistryEvidence): readonly Finding[] {
  const seen = pulls.mirror + pulls.mixed + pulls.upstream;
  if (seen === 0) return [];
  return [
    {
      code: "pulls-without-proof",
      severity: "info",
      where: place(namespace, "evidence"),
      fact: `${seen} pulls since the agent started, and none of them counts as proof: ${cleanText(verdict.message)}`,
      consequence: `whether pulls of ${nameNamespace(namespace)} go to the mirror is not known`,
      fix: "name a canary image for it in the desired state; it is pulled now and then, and shows the way",
    },
  ];
}

/** A registry that limits this node although pulls are to come from a mirror. */
function judgeLimits({ registries }: EvidenceReport, recentPulls: readonly RecentPull[]): readonly Finding[] {
  const last = new Map<string, { readonly count: number; readonly pull: RecentPull }>();
  for (const pull of recentPulls) {
    if (findWatched(registries, pull.registry) === undefined || !isLimited(pull)) continue;
    const before = last.get(pull.registry);
    const newest = before === undefined || before.pull.endedMs < pull.endedMs ? pull : before.pull;
    last.set(pull.registry, { count: (before?.count ?? 0) + 1, pull: newest });
  }
  return [...last].map(([namespace, { count, pull }]) => ({
    code: "upstream-limits-rate",
    severity: "error",
    where: place(namespace, pull.source),
    fact: `${defaultHost(namespace)} answered 429 in ${count === 1 ? "one pull" : `${count} pulls`}, last at ${showTime(pull.endedMs)}`,
    consequence: `pulls of ${namespace} reach its limit, although they are to come from a mirror: more of them will fail`,
    fix: "mend why they go past the mirror; where it is the mirror that asks, give it a login at the registry",
  }));
}

function isLimited({ registry, reason = "" }: RecentPull): boolean {
  const host = defaultHost(registry);
  return reason.split(";").some((part) => part.trim().startsWith(host) && /\b429\b/.test(part));
}

/** Who asks for both to be off has what they want, and one of them is enough. */
function judgeSources({ sources, registries }: EvidenceReport): readonly Finding[] {
  const proving = sources.filter(({ source }) => source === "trace" || source === "witness");
  const down = proving.filter(({ up, message }) => !up && !message.startsWith("switched off"));
  if (registries.length === 0 || proving.some(({ up }) => up) || down.length === 0) return [];
  return [
    {
      code: "evidence-source-down",
      severity: "warning",
      where: place("/status.json", down.map(({ source }) => source).join(", ")),
      fact: down.map(({ source, message }) => `${source}: ${cleanText(message)}`).join("; "),
      consequence: "that pulls go past the mirror would be noticed late, or not at all",
      fix: "mirrorlet status names each source with what it lacks",
    },
  ];
}

function place(url: string, hop: string): FindingPlace {
  return { kind: "url", url: url === "*" ? "every other registry" : url, hop };
}

function showTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
