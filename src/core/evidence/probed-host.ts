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

/** A question to put: to which mirror, and whether about an image. */
export interface ProbeTurn {
  readonly mirror: WatchedMirror;
  readonly asksImage: boolean;
}

/**
 * Every so many rounds an image is asked for; in between the API is, which costs a mirror nothing. A mirror that
 * fetches what it lacks may ask its upstream for every tag, and it has many nodes.
 */
const IMAGE_EVERY = 4;

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
  #round = 0;
  readonly #nextForImage: () => WatchedMirror | undefined;
  readonly #nextForApi: () => WatchedMirror | undefined;
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
    this.#nextForImage = takeTurns([...groups.values()]);
    // One ahead, so that the second settings are not the last to be asked.
    this.#nextForApi = takeTurns([...groups.values()], 1);
  }

  /** What to ask in this round: the next one, and one of those that failed, to see whether they still do. */
  next(): readonly ProbeTurn[] {
    const asksImage = this.#round++ % IMAGE_EVERY === 0;
    const regular = asksImage ? this.#nextForImage() : this.#nextForApi();
    const failed = this.#hostFailure === undefined ? this.#oneThatFailed() : undefined;
    const turns = regular === undefined || regular === failed ? [] : [{ mirror: regular, asksImage }];
    return failed === undefined ? turns : [...turns, { mirror: failed, asksImage: true }];
  }

  record({ mirror, asksImage }: ProbeTurn, answer: ProbeAnswer): void {
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
    if (failure !== undefined) this.#registryFailures.set(registry, failure);
    // That the API answers says nothing of an image.
    else if (asksImage) this.#registryFailures.delete(registry);
  }

  /** How it stands after a round, for every registry of which something is known. */
  report(atMs: number): readonly HostProbe[] {
    const known = [...this.#bySettings].filter(
      ([settings]) => this.#hostFailure !== undefined || this.#latest.has(settings),
    );
    return known.flatMap(([, mirrors]) => mirrors.map((mirror) => this.#probeOf(mirror, atMs)));
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

/** One group after the other, and of each one mirror after the other. */
function takeTurns(
  groups: readonly (readonly WatchedMirror[])[],
  first = 0,
): () => WatchedMirror | undefined {
  let turn = first;
  return () => {
    const group = groups[turn % groups.length] ?? [];
    const mirror = group[Math.floor(turn / groups.length) % group.length];
    turn++;
    return mirror;
  };
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
