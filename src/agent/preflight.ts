import {
  type DesiredState,
  type Mirror,
  mirrorUrl,
  type Registry,
} from "../core/desired-state/desired-state.ts";
import type { MirrorProbe, MirrorProber } from "./ports.ts";

/** `challenge-only`: asks how credentials are wanted where there are any, and judges nothing. */
export type PreflightMode = "strict" | "warn" | "off" | "challenge-only";

export interface PreflightReport {
  /** One entry per distinct mirror that was asked. */
  readonly probes: readonly MirrorProbe[];
  /** Why the desired state must not be put in place now; empty: go on. */
  readonly rejections: readonly string[];
  readonly warnings: readonly string[];
  /** Hosts that insist on a token service, so that a static header cannot serve. */
  readonly tokenHosts: readonly string[];
  /** Hosts that answered, whatever they answered. */
  readonly askedHosts: readonly string[];
}

const NOTHING_ASKED: PreflightReport = {
  probes: [],
  rejections: [],
  warnings: [],
  tokenHosts: [],
  askedHosts: [],
};

const AT_ONCE = 8;
const TIMEOUT_MS = 5_000;

/**
 * Asks every mirror from this node before anything is written. A mirror that fails is a warning while the
 * upstream may be used; a registry whose upstream is closed and none of whose mirrors answers is a rejection,
 * and in strict mode every failing mirror is.
 */
export async function preflight(
  state: DesiredState,
  mode: PreflightMode,
  prober: MirrorProber,
  signal: AbortSignal,
): Promise<PreflightReport> {
  if (mode === "off") return NOTHING_ASKED;
  const mirrors = distinctMirrors(state.registries, mode === "challenge-only");
  const results = await probeAll([...mirrors.values()], prober, signal);
  const probes = new Map([...mirrors.keys()].map((key, index) => [key, results[index]]));
  const failed = (mirror: Mirror): boolean => probes.get(keyOf(mirror))?.ok === false;
  const rejections: string[] = [];
  const warnings: string[] = [];
  for (const probe of results) {
    if (probe.ok) continue;
    const sentence = `${probe.url} cannot serve pulls from this node: ${probe.failure?.message ?? "no reason given"}`;
    if (mode !== "challenge-only") (mode === "strict" ? rejections : warnings).push(sentence);
  }
  for (const { namespace, upstream, mirrors: own } of state.registries)
    if (mode === "warn" && upstream === "never" && own.every(failed))
      rejections.push(
        `no mirror of ${namespace} answers and its upstream must not be used: every pull would fail`,
      );
  const hostsWhere = (test: (challenge: MirrorProbe["challenge"]) => boolean): readonly string[] => {
    const answers = [...mirrors.values()].filter((m) => test(probes.get(keyOf(m))?.challenge ?? "unknown"));
    return [...new Set(answers.map((mirror) => mirror.host))];
  };
  const tokenHosts = hostsWhere((challenge) => challenge === "bearer");
  const askedHosts = hostsWhere((challenge) => challenge !== "unknown");
  return { probes: results, rejections, warnings, tokenHosts, askedHosts };
}

function distinctMirrors(
  registries: readonly Registry[],
  withCredential: boolean,
): ReadonlyMap<string, Mirror> {
  const mirrors = registries.flatMap((registry) => registry.mirrors);
  const asked = withCredential ? mirrors.filter((mirror) => mirror.credential !== undefined) : mirrors;
  return new Map(asked.map((mirror) => [keyOf(mirror), mirror]));
}

/** Mirrors that answer alike: same place, same TLS, same credential. */
function keyOf(mirror: Mirror): string {
  const { ca, client, skipTlsVerify, credential } = mirror;
  return JSON.stringify([mirrorUrl(mirror), ca, client, skipTlsVerify, credential]);
}

async function probeAll(
  mirrors: readonly Mirror[],
  prober: MirrorProber,
  signal: AbortSignal,
): Promise<readonly MirrorProbe[]> {
  const results: MirrorProbe[] = [];
  for (let start = 0; start < mirrors.length; start += AT_ONCE) {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const batch = mirrors.slice(start, start + AT_ONCE);
    results.push(...(await Promise.all(batch.map((mirror) => prober.probe(mirror, limit)))));
  }
  return results;
}
