import { assessRegistry, type Health, type HealthStatus } from "./assess-health.ts";
import { findDeadMirrors } from "./assess-probes.ts";
import type { EvidenceReport, RegistryEvidence } from "./evidence-report.ts";
import { formatAge } from "./format-age.ts";

/** The state of a node in one sentence, for whoever reads nothing else. */
export interface Summary {
  readonly status: HealthStatus;
  /** Ends with a full stop; no line breaks. */
  readonly sentence: string;
  /** Registries of which a pull has shown something. */
  readonly proven: number;
}

interface Assessed {
  readonly registry: RegistryEvidence;
  readonly health: Health;
}

/** What the pulls of this node show: the worst first, one registry by its reason, several by their names. */
export function summarizeEvidence({
  registries,
  atMs,
}: Pick<EvidenceReport, "registries" | "atMs">): Summary {
  const assessed = registries.map((registry) => ({ registry, health: assessRegistry(registry) }));
  const proven = registries.filter(({ verdict }) => verdict.name !== "unproven").length;
  const is = (status: HealthStatus) => assessed.filter(({ health }) => health.status === status);
  const [failed, warned] = [is("fail"), is("warn")];
  if (failed.length > 0) {
    const besides = warned.length === 0 ? "" : `; ${warned.length} more with a warning`;
    return {
      status: "fail",
      proven,
      sentence: `${describeTroubled(failed, registries.length, besides, atMs)}.`,
    };
  }
  if (warned.length > 0)
    return { status: "warn", proven, sentence: `${describeTroubled(warned, registries.length, "", atMs)}.` };
  return { status: "pass", proven, sentence: describeWell(registries, proven, atMs) };
}

/** `*` in words. */
export function registryName({ namespace }: Pick<RegistryEvidence, "namespace">): string {
  return namespace === "*" ? "every other registry" : namespace;
}

/** Older than this, what pulls have shown is told with its age: nobody has looked since. */
const FRESH_MS = 3_600_000;

/** `23 h`: the age of the oldest verdict among them; undefined while all are fresh. */
function oldAge(registries: readonly RegistryEvidence[], nowMs: number): string | undefined {
  const ages = registries.flatMap(({ verdict }) =>
    verdict.lastMs === undefined ? [] : [nowMs - verdict.lastMs],
  );
  const oldestMs = Math.max(0, ...ages);
  return oldestMs > FRESH_MS ? formatAge(oldestMs) : undefined;
}

function describeTroubled(
  troubled: readonly Assessed[],
  total: number,
  besides: string,
  nowMs: number,
): string {
  const registries = troubled.map(({ registry }) => registry);
  const [only, ...more] = registries;
  const cause = commonCause(registries);
  const age = oldAge(registries, nowMs);
  if (only === undefined || more.length > 0) {
    const because = cause === undefined ? "" : `: ${cause}`;
    return `${registries.length} of ${total} registries ${describeKinds(registries)} (${listNames(registries)}${age === undefined ? "" : `; last pulled up to ${age} ago`})${because}${besides}`;
  }
  const name = registryName(only);
  const why = cause ?? clip(only.verdict.message);
  const last = age === undefined ? "" : ` (last pulled ${age} ago)`;
  switch (only.verdict.name) {
    case "failing":
      return `Pulls of ${name} fail${last}: ${why}${besides}`;
    case "bypassed":
      return `Pulls of ${name} bypass the mirror${last}: ${why}${besides}`;
    case "mixed":
      return `Pulls of ${name} come from the mirror in part only${last}: ${why}${besides}`;
    case "mirrored":
    case "unproven": {
      const follows = findDeadMirrors(only)?.follows ?? "pulls are at risk";
      return `No mirror of ${name} answers, so that ${follows}${cause === undefined ? "" : `: ${cause}`}${besides}`;
    }
    default:
      return only.verdict.name satisfies never;
  }
}

/** A mirror that all of them have and that fails its probes is most likely what is behind it. */
function commonCause(registries: readonly RegistryEvidence[]): string | undefined {
  const failing = registries.map(({ probes }) => probes.filter(({ role, ok }) => role === "mirror" && !ok));
  const probe = failing[0]?.find(({ host }) =>
    failing.every((probes) => probes.some((one) => one.host === host)),
  );
  if (probe === undefined) return undefined;
  const why = clip(probe.message.split(";")[0] ?? "");
  if (why.includes(probe.host)) return why;
  return `${probe.host} does not answer${why === "" ? "" : ` (${why})`}`;
}

function clip(text: string): string {
  return text.length > 160 ? `${text.slice(0, 159)}…` : text;
}

function describeKinds(registries: readonly RegistryEvidence[]): string {
  const names = new Set(registries.map(({ verdict }) => verdict.name));
  if (names.size > 1 || names.has("mirrored") || names.has("unproven"))
    return "are not served as they should be";
  if (names.has("failing")) return "fail to pull";
  return names.has("bypassed") ? "bypass their mirrors" : "are served by their mirrors in part only";
}

function describeWell(registries: readonly RegistryEvidence[], proven: number, nowMs: number): string {
  const count = registries.length;
  const [first] = registries;
  if (first === undefined)
    return "No registry has a mirror here: pulls go where containerd sends them by itself.";
  const name = registryName(first);
  if (proven === 0)
    return count === 1
      ? `Nothing is proven yet: no pull has shown where ${name} is served from.`
      : `Nothing is proven yet: no pull has shown where any of ${count} registries is served from.`;
  const age = oldAge(registries, nowMs);
  const [is, are] = age === undefined ? ["is", "are"] : ["was", "were"];
  if (proven === count && count === 1)
    return `${name.replace(/^every/, "Every")} ${is} served by its mirror${age === undefined ? "" : ` when last pulled, ${age} ago`}.`;
  const when = age === undefined ? "" : ` when last pulled, up to ${age} ago`;
  if (proven === count) return `All ${count} registries ${are} served by their mirrors${when}.`;
  const open = registries.filter(({ verdict }) => verdict.name === "unproven");
  return `${proven} of ${count} registries ${are} served by their mirrors${when}; nothing is proven yet of ${listNames(open)}.`;
}

function listNames(registries: readonly RegistryEvidence[]): string {
  const names = registries.map(registryName);
  if (names.length <= 3) return names.join(", ");
  return `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;
}
