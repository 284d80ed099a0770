import { assessRegistry, type HealthStatus } from "./assess-health.ts";
import type { EvidenceReport, RegistryEvidence } from "./evidence-report.ts";

/** The state of a node in one sentence, for whoever reads nothing else. */
export interface Summary {
  readonly status: HealthStatus;
  /** Ends with a full stop; no line breaks. */
  readonly sentence: string;
  /** Registries of which a pull has shown something. */
  readonly proven: number;
}

/** What the pulls of this node show: the worst first, one registry by its reason, several by their names. */
export function summarizeEvidence({ registries }: Pick<EvidenceReport, "registries">): Summary {
  const assessed = registries.map((registry) => ({ registry, ...assessRegistry(registry) }));
  const proven = registries.filter(({ verdict }) => verdict.name !== "unproven").length;
  for (const status of ["fail", "warn"] as const) {
    const hit = assessed.filter((one) => one.status === status);
    const [only, ...more] = hit;
    if (only === undefined) continue;
    const sentence =
      more.length === 0
        ? describeOne(only)
        : `${hit.length} of ${registries.length} registries ${describeKinds(hit.map(({ registry }) => registry))}: ${listNames(hit.map(({ registry }) => registry))}`;
    return { status, proven, sentence: `${sentence}.` };
  }
  return { status: "pass", proven, sentence: describeWell(registries, proven) };
}

/** What is wrong with the one registry that is not well. */
function describeOne({ registry, output }: { registry: RegistryEvidence; output: string }): string {
  const { verdict } = registry;
  const name = registryName(registry);
  switch (verdict.name) {
    case "failing":
      return `Pulls of ${name} fail: ${withoutName(output)}`;
    case "bypassed":
      return `Pulls of ${name} bypass the mirror: ${withoutName(output)}`;
    case "mixed":
      return `Pulls of ${name} come from the mirror in part only: ${withoutName(output)}`;
    case "mirrored":
    case "unproven":
      return `No mirror of ${name} answers: ${output}`;
    default:
      return verdict.name satisfies never;
  }
}

/** The sentence has said it in its own words. */
function withoutName(output: string): string {
  return output.replace(/^(?:failing|bypassed|mixed): /, "");
}

/** `*` in words. */
export function registryName({ namespace }: Pick<RegistryEvidence, "namespace">): string {
  return namespace === "*" ? "every other registry" : namespace;
}

function describeWell(registries: readonly RegistryEvidence[], proven: number): string {
  const count = registries.length;
  if (count === 0) return "No registry has a mirror here: pulls go where containerd sends them by itself.";
  if (proven === 0)
    return count === 1
      ? `Nothing is proven yet: ${registries.map(registryName).join()} is configured, and no pull has shown where it is served from.`
      : `Nothing is proven yet: ${count} registries are configured, and no pull has shown where they are served from.`;
  if (proven === count)
    return count === 1
      ? `${capital(registries.map(registryName).join())} is served by its mirror.`
      : `All ${count} registries are served by their mirrors.`;
  const open = registries.filter(({ verdict }) => verdict.name === "unproven");
  return `${proven} of ${count} registries are served by their mirrors; nothing is proven yet of ${listNames(open)}.`;
}

function describeKinds(registries: readonly RegistryEvidence[]): string {
  const names = new Set(registries.map(({ verdict }) => verdict.name));
  if (names.size > 1 || names.has("mirrored") || names.has("unproven"))
    return "are not served as they should be";
  if (names.has("failing")) return "fail to pull";
  return names.has("bypassed") ? "bypass their mirrors" : "are served by their mirrors in part only";
}

function listNames(registries: readonly RegistryEvidence[]): string {
  const names = registries.map(({ namespace }) => namespace);
  if (names.length <= 3) return names.join(", ");
  return `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;
}

function capital(text: string): string {
  return text === "every other registry" ? "Every other registry" : text;
}
