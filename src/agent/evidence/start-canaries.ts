import type { Ports } from "../ports.ts";
import type { PassReport } from "../report.ts";
import type { EvidenceSink } from "./evidence-sink.ts";
import { createStateTeller, type RunningSource } from "./running-source.ts";
import { type Tried, tryCanary } from "./try-canary.ts";

export interface CanaryOptions {
  /** Not the containerd of `yieldToPass`: a canary must not wait for itself. */
  readonly ports: Pick<Ports, "containerd" | "clock" | "log" | "claims">;
  readonly sink: Pick<EvidenceSink, "notice" | "source">;
  readonly intervalMs: number;
  /** 0 ≤ x < 1; spreads the canaries of a fleet. */
  readonly random: () => number;
  /** A pass is under way: no canary starts. */
  readonly isBusy: () => boolean;
}

export interface RunningCanaries extends RunningSource {
  /** To be called after each pass, with what is in force now. What the pass changed is tried at once. */
  afterPass(report: PassReport): void;
  /** Ends a pull under way, tells nothing of it, and resolves when it has left nothing behind. */
  interrupt(): Promise<void>;
}

const BUSY_MS = 500;
const RETRY_MS = 10_000;
const MAX_PAUSE_MS = 24 * 3_600_000;
const CHANGES: readonly PassReport["outcome"][] = ["applied", "repaired", "rolled-back"];

/**
 * Pulls the canaries of the desired state in force through CRI: at start, after a change, and every interval. Each
 * pull is a notice; what path it took is for the witness and the traces to say.
 */
export function startCanaries(options: CanaryOptions): RunningCanaries {
  const { clock, log } = options.ports;
  const stop = new AbortController();
  const state = createStateTeller({ up: false, message: "no pass is over yet" }, (now) =>
    options.sink.source({ source: "canary", ...now }),
  );
  let schedule: readonly { readonly image: string; readonly dueMs: number }[] = [];
  let woken = new AbortController();
  let hasTried = false;
  let current: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;

  const reschedule = (image: string, dueMs: number): void => {
    schedule = schedule.map((each) => (each.image === image ? { image, dueMs } : each));
  };
  const conclude = (image: string, { waitMs, trouble }: Tried): void => {
    hasTried = true;
    state.set(trouble === undefined, trouble ?? "");
    const nowMs = clock.uptimeMs();
    if (trouble !== undefined) reschedule(image, nowMs + Math.min(RETRY_MS, options.intervalMs));
    else if (waitMs > options.intervalMs) {
      reschedule(image, nowMs + waitMs);
      log.info({ image, next_s: Math.round(waitMs / 1000) }, "a large canary that is not kept on the node");
    }
  };
  const runOne = async (image: string): Promise<void> => {
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, stop.signal]);
    reschedule(image, clock.uptimeMs() + options.intervalMs * (0.9 + 0.2 * options.random()));
    const work = tryCanary(image, options, signal).then(
      (tried) => (signal.aborted ? reschedule(image, clock.uptimeMs()) : conclude(image, tried)),
      (error: Error) => log.warn({ image }, `the canary could not be tried: ${error.message}`),
    );
    current = { abort, done: work };
    await work;
    current = undefined;
  };
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      woken = new AbortController();
      const next = schedule.reduce<(typeof schedule)[number] | undefined>(
        (first, each) => (first === undefined || each.dueMs < first.dueMs ? each : first),
        undefined,
      );
      const inMs = (next?.dueMs ?? Number.POSITIVE_INFINITY) - clock.uptimeMs();
      if (next !== undefined && inMs <= 0 && !options.isBusy()) await runOne(next.image);
      else await pause(Math.max(Math.min(inMs, MAX_PAUSE_MS), BUSY_MS));
    }
  };
  const pause = (ms: number): Promise<void> =>
    clock.sleep(ms, AbortSignal.any([woken.signal, stop.signal])).catch(() => undefined);

  const running = loop();
  return {
    state: state.state,
    afterPass({ canaries, outcome }) {
      if (canaries === undefined) return;
      const isChange = CHANGES.includes(outcome);
      schedule = canaries.map((image) => {
        const known = isChange ? undefined : schedule.find((each) => each.image === image);
        return known ?? { image, dueMs: clock.uptimeMs() };
      });
      if (canaries.length === 0) state.set(false, "the desired state names no canaries");
      else if (!hasTried) state.set(false, "no canary has been pulled yet");
      woken.abort();
    },
    async interrupt() {
      current?.abort.abort(new Error("a pass is about to touch containerd"));
      await current?.done;
    },
    async stop() {
      stop.abort(new Error("stopping"));
      await running;
    },
  };
}
