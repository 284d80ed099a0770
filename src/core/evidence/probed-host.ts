import { entryUrl, type HostEntry } from "../containerd/hosts-toml/host-entry.ts";
import type { HostProbe, ProbePhase } from "./evidence-report.ts";
import type { Hop } from "./exchange.ts";
import type { ProbeAnswer } from "./probe-answer.ts";

/** A mirror in its place in a registry. */
export interface WatchedMirror {
  /** Host namespace, `*` for those without an entry of their own. */
  readonly registry: string;
  readonly entry: HostEntry;
  /** Equal for mirrors that are reached with the same scheme, certificates, headers and credentials. */
  readonly settings: string;
}

type Failure = Pick<NonNullable<ProbeAnswer["failure"]>, "phase" | "message">;

/**
 * What is known of one host:port, however many registries it mirrors. It is asked once or twice a round, for one
 * registry after another; what is found out about all of them is told of each.
 */
export class ProbedHost {
  readonly host: string;
  /** Equal for hosts that the same registries use in the same way. */
  readonly use: string;
  readonly #bySettings: ReadonlyMap<string, readonly WatchedMirror[]>;
  #turn = 0;
  readonly #turnOf = new Map<string, number>();
  #hostFailure: Failure | undefined;
  readonly #settingsFailures = new Map<string, Failure>();
  readonly #registryFailures = new Map<string, Failure>();
  readonly #latest = new Map<string, ProbeAnswer>();
  readonly #failuresInARow = new Map<string, number>();

  /** Of one host:port, at least one. */
  constructor(host: string, mirrors: readonly WatchedMirror[]) {
    this.host = host;
    this.use = JSON.stringify(mirrors.map((one) => [one.registry, one.settings, entryUrl(one.entry)]));
    const groups = new Map<string, WatchedMirror[]>();
    for (const mirror of mirrors) {
      const group = groups.get(mirror.settings);
      if (group === undefined) groups.set(mirror.settings, [mirror]);
      else group.push(mirror);
    }
    this.#bySettings = groups;
  }

  /** Whom to ask for this round: the next one, and one of those that failed, to see whether they still do. */
  next(): readonly WatchedMirror[] {
    const settings = [...this.#bySettings.keys()];
    const turn = settings[this.#turn++ % settings.length] ?? "";
    const group = this.#bySettings.get(turn) ?? [];
    const at = this.#turnOf.get(turn) ?? 0;
    this.#turnOf.set(turn, at + 1);
    const regular = group[at % group.length];
    const failed = this.#hostFailure === undefined ? this.#oneThatFailed() : undefined;
    return [regular, failed === regular ? undefined : failed].filter((each) => each !== undefined);
  }

  record(mirror: WatchedMirror, answer: ProbeAnswer): void {
    const { settings, registry } = mirror;
    const { failure } = answer;
    this.#latest.set(settings, answer);
    this.#hostFailure = failure?.scope === "host" ? failure : undefined;
    if (failure?.scope === "host") return;
    if (failure?.scope === "settings") {
      this.#settingsFailures.set(settings, failure);
      return;
    }
    this.#settingsFailures.delete(settings);
    if (failure === undefined) this.#registryFailures.delete(registry);
    else this.#registryFailures.set(registry, failure);
  }

  /** How it stands after a round, for every registry. */
  report(atMs: number): readonly HostProbe[] {
    return [...this.#bySettings.values()].flat().map((mirror) => this.#probeOf(mirror, atMs));
  }

  #probeOf(mirror: WatchedMirror, atMs: number): HostProbe {
    const { registry, settings, entry } = mirror;
    const failure =
      this.#hostFailure ?? this.#settingsFailures.get(settings) ?? this.#registryFailures.get(registry);
    const failures = failure === undefined ? 0 : (this.#failuresInARow.get(registry) ?? 0) + 1;
    this.#failuresInARow.set(registry, failures);
    const latest = this.#latest.get(settings);
    const hops = latest === undefined ? [] : [...latest.exchange.hops, ...latest.exchange.tokens];
    const ends = hops.map(({ tlsNotAfterMs }) => tlsNotAfterMs).filter((ms) => ms !== undefined);
    return {
      registry,
      host: this.host,
      role: "mirror",
      url: entryUrl(entry),
      atMs,
      ok: failure === undefined,
      ...(failure === undefined ? {} : { failedPhase: failure.phase }),
      message: failure?.message ?? "answers",
      durationsMs: latest === undefined ? {} : durationsOf(latest),
      ...(ends.length === 0 ? {} : { tlsNotAfterMs: Math.min(...ends) }),
      failures,
    };
  }

  /** One after the other, so that each gets its turn. */
  #oneThatFailed(): WatchedMirror | undefined {
    for (const map of [this.#settingsFailures, this.#registryFailures]) {
      const [first] = map;
      if (first === undefined) continue;
      const [key, failure] = first;
      map.delete(key);
      map.set(key, failure);
      const all = [...this.#bySettings.values()].flat();
      return all.find(
        ({ settings, registry }) => (map === this.#settingsFailures ? settings : registry) === key,
      );
    }
    return undefined;
  }
}

function durationsOf({ exchange }: ProbeAnswer): HostProbe["durationsMs"] {
  const durations: Partial<Record<ProbePhase, number>> = {};
  const add = (phase: ProbePhase, ms: number): void => {
    durations[phase] = (durations[phase] ?? 0) + ms;
  };
  const total = ({ durationsMs }: Hop): number => Object.values(durationsMs).reduce((sum, ms) => sum + ms, 0);
  for (const hop of exchange.hops)
    for (const [phase, ms] of Object.entries(hop.durationsMs)) add(phase as ProbePhase, ms);
  for (const hop of exchange.tokens) add("token", total(hop));
  return durations;
}
