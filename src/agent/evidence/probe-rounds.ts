import type { WatchedRegistry } from "../../core/evidence/evidence-report.ts";
import type { ProbeAnswer } from "../../core/evidence/probe-answer.ts";
import type { ProbedHost, ProbeTurn } from "../../core/evidence/probed-host.ts";
import {
  NO_MIRRORS,
  type ObservedMirrors,
  type ObserveMirrorsDeps,
  observeMirrors,
} from "../observe-mirrors.ts";
import { type Clock, type Containerd, HostError, type Log } from "../ports.ts";
import { createSignalGroup } from "../signal-group.ts";
import type { EvidenceSink } from "./evidence-sink.ts";
import type { MirrorAsker, ProbeImage } from "./probe-ports.ts";

export interface ProbeRoundsOptions extends ObserveMirrorsDeps {
  readonly containerd: Pick<Containerd, "version">;
  readonly asker: MirrorAsker;
  readonly sink: Pick<EvidenceSink, "probed" | "source">;
  readonly clock: Pick<Clock, "now" | "sleep" | "loopMs" | "turn">;
  readonly log: Log;
  /** Between the rounds, ms; each pause is up to a quarter shorter, so that a fleet does not ask in step. */
  readonly intervalMs: number;
  /** From 0 to 1. */
  readonly random: () => number;
  /** What to ask mirrors of that host namespace for: a canary, the image pulled last. Undefined: their API is asked. */
  readonly imageFor: (registry: string) => ProbeImage | undefined;
}

/** Asks every mirror from time to time, and tells how it answers. Upstreams are not asked: it would cost quota. */
export interface ProbeRounds {
  /** A pass is over: what is in force, and a reason to look at the files again. A change is asked about at once. */
  watch(registries: readonly WatchedRegistry[]): void;
  /** Ends the questions under way, and waits until they have. */
  stop(): Promise<void>;
}

/** Hosts that are asked at the same time. */
const AT_ONCE = 32;

/**
 * A host:port is asked once a round, twice while something fails there, however many registries it mirrors: a round
 * for one mirror of a thousand registries is one or two questions.
 */
export function createProbeRounds(options: ProbeRoundsOptions): ProbeRounds {
  const { clock, intervalMs, random, log, imageFor } = options;
  const stopping = new AbortController();
  const questions = createSignalGroup();
  let pause = new AbortController();
  let registries: readonly WatchedRegistry[] = [];
  let isStale = false;
  let mirrors = NO_MIRRORS;
  options.sink.source({ source: "probe", up: false, message: "no pass is over yet" });

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      pause = new AbortController();
      await round().catch((error: unknown) =>
        log.error({ error: String(error) }, "mirrors could not be asked"),
      );
      await clock.sleep(intervalMs * (0.75 + 0.25 * random()), pause.signal).catch(() => undefined);
    }
  }

  async function round(): Promise<void> {
    if (isStale) {
      isStale = false;
      mirrors = await look(registries, mirrors, options);
    }
    const queue = [...mirrors.hosts];
    const worker = async (): Promise<void> => {
      for (let host = queue.pop(); host !== undefined; host = queue.pop())
        if (!stopping.signal.aborted) await askHost(host);
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, queue.length) }, worker));
  }

  async function askHost(host: ProbedHost): Promise<void> {
    for (const turn of host.next()) {
      const answer = await askOne(turn);
      // Half an answer is none: it was cut off by our own end.
      if (stopping.signal.aborted) return;
      if (answer !== undefined) host.record(turn, answer);
    }
    for (const probe of host.report(clock.now())) options.sink.probed(probe);
  }

  const ask = (target: Parameters<MirrorAsker["ask"]>[0]): ReturnType<MirrorAsker["ask"]> =>
    questions.run((signal) => options.asker.ask(target, signal));

  /** Where one image may be at fault, or the host, the base of the API decides. */
  async function askOne({ mirror, asksImage }: ProbeTurn): Promise<ProbeAnswer | undefined> {
    const target = mirrors.targetOf(mirror);
    if (target === undefined) return undefined;
    // A mirror that resolves no tags is not asked for one by containerd either.
    const canAsk = asksImage && mirror.entry.capabilities.includes("resolve");
    const image = canAsk ? imageFor(mirror.registry) : undefined;
    const answer = await ask({ ...target, ...(image && { image }) });
    const { failure } = answer;
    if (failure?.scope !== "host-or-repository") return answer;
    const base = await ask(target);
    return base.failure === undefined ? { ...answer, failure: { ...failure, scope: "repository" } } : base;
  }

  const running = run();
  return {
    watch(next) {
      const isNew = JSON.stringify(next) !== JSON.stringify(registries);
      registries = next;
      isStale = true;
      if (isNew) pause.abort();
    },
    async stop() {
      stopping.abort();
      questions.end();
      pause.abort();
      await running;
    },
  };
}

/** Nothing is asked while it is not known who would be. */
async function look(
  registries: readonly WatchedRegistry[],
  known: ObservedMirrors,
  options: ProbeRoundsOptions,
): Promise<ObservedMirrors> {
  const { containerd, sink } = options;
  const down = (message: string): ObservedMirrors => {
    sink.source({ source: "probe", up: false, message });
    return NO_MIRRORS;
  };
  const version = await containerd.version();
  if (version === undefined) return down("containerd is not installed, or does not tell its version");
  try {
    const mirrors = await observeMirrors(registries, version, known, options);
    sink.source({ source: "probe", up: true, message: "" });
    return mirrors;
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return down(error.message);
  }
}
