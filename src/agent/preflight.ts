import {
  type DesiredState,
  type Mirror,
  mirrorUrl,
  type Registry,
} from "../core/desired-state/desired-state.ts";
import type { MirrorProbe, MirrorProber } from "./ports.ts";
import { createSignalGroup } from "./signal-group.ts";

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

const AT_ONCE = 32;
/** However many mirrors are dead, a pass goes on. */
const TOTAL_MS = 15_000;
/** A prober gives a mirror 5 s: one that took so long gave no answer. */
const SILENT_MS = 4_500;
/** Sentences beyond this are counted. */
const MOST_TOLD = 20;

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
  const probes = await probeAll(mirrors, prober, signal);
  const results = [...probes.values()];
  const failed = (mirror: Mirror): boolean => probes.get(keyOf(mirror))?.ok === false;
  const rejections: string[] = [];
  const warnings: string[] = [];
  const complaints = mode === "challenge-only" ? [] : complaintsOf(results);
  if (mode !== "challenge-only" && probes.size < mirrors.size)
    complaints.push(
      `${mirrors.size - probes.size} of ${mirrors.size} mirrors could not be asked in ${TOTAL_MS / 1000} s`,
    );
  (mode === "strict" ? rejections : warnings).push(...upTo(MOST_TOLD, complaints));
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
  return { probes: results, rejections: upTo(MOST_TOLD, rejections), warnings, tokenHosts, askedHosts };
}

/** Of mirrors under many paths of a host only one, where they fail alike. */
function complaintsOf(probes: readonly MirrorProbe[]): string[] {
  const sentences = probes
    .filter(({ ok }) => !ok)
    .map(
      ({ url, failure }) =>
        `${url} cannot serve pulls from this node: ${failure?.message ?? "no reason given"}`,
    );
  return [...new Set(sentences)];
}

function upTo(most: number, sentences: readonly string[]): readonly string[] {
  const left = sentences.length - most;
  return left <= 1 ? sentences : [...sentences.slice(0, most), `and ${left} more`];
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

/** Without those that there was no time for. */
async function probeAll(
  mirrors: ReadonlyMap<string, Mirror>,
  prober: MirrorProber,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, MirrorProbe>> {
  const answers = new Map<string, MirrorProbe>();
  /** Hosts that cannot be reached, or answer nothing: what holds for one path of theirs holds for all. */
  const dead = new Map<string, MirrorProbe>();
  signal.throwIfAborted();
  const ended = AbortSignal.timeout(TOTAL_MS);
  const probes = createSignalGroup();
  for (const end of [ended, signal]) end.addEventListener("abort", probes.end, { once: true });
  const queue = [...mirrors].reverse();
  const worker = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined && !ended.aborted; next = queue.pop()) {
      const [key, mirror] = next;
      const known = dead.get(placeOf(mirror));
      const answer = known ?? (await probes.run((limit) => prober.probe(mirror, limit)));
      signal.throwIfAborted();
      // Cut off by the end of all: it is not known how it would have answered.
      if (!answer.ok && ended.aborted) return;
      answers.set(key, answer);
      if (isDead(answer)) dead.set(placeOf(mirror), dead.get(placeOf(mirror)) ?? answer);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, queue.length) }, worker));
  } finally {
    signal.removeEventListener("abort", probes.end);
  }
  return answers;
}

function placeOf({ scheme, host }: Mirror): string {
  return `${scheme}://${host}`;
}

function isDead({ ok, failure, durationMs }: MirrorProbe): boolean {
  return !ok && (failure?.phase === "dns" || failure?.phase === "connect" || durationMs >= SILENT_MS);
}
