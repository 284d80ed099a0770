import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { tracesPlaceOf } from "../core/containerd/tracing/traces-place.ts";
import { candidatePath } from "./check-candidate.ts";
import { runPass } from "./pass.ts";
import type { PassContext } from "./pass-context.ts";
import type { Ports } from "./ports.ts";
import type { PassReport } from "./report.ts";
import { watchPorts } from "./watch-ports.ts";

/** Runs passes: one at a time, triggers coalesce, a trigger carries nothing and a pass reads everything. */
export interface Reconciler {
  /** Asks for a pass. While one runs, any number of triggers lead to exactly one more. */
  trigger(reason: string): void;
  /** The newest report; undefined before the first pass is done. */
  readonly latest: PassReport | undefined;
  /** True while a pass runs. */
  readonly busy: boolean;
  /**
   * How long the pass under way has asked nothing of the node, in ms; 0 between passes. Each thing it asks for has a
   * time limit of its own, 90 s being the longest, so that much more means that it waits for ever.
   */
  readonly stillMs: number;
  /** How long the pass under way has run, in ms; 0 between passes. */
  readonly runMs: number;
  /** Ends after the pass under way; resolves when nothing runs any more. */
  stop(): Promise<void>;
}

export interface ReconcilerOptions {
  readonly context: Omit<PassContext, "signal">;
  readonly resyncMs: number;
  readonly onReport: (report: PassReport) => void;
}

/** Leftovers of a killed writer are removed before the first pass and after every failed one. */
export async function sweepStrays(ports: Ports, config: AgentConfig): Promise<void> {
  const { certsD, config: configPath } = config.containerd;
  await ports.files.sweep(certsD);
  await ports.files.sweep(configPath.slice(0, configPath.lastIndexOf("/")));
  await ports.files.sweep(config.stateDir);
  const traces = tracesPlaceOf(config.containerd)?.path;
  if (traces !== undefined) await ports.files.sweep(traces.slice(0, traces.lastIndexOf("/")));
  await ports.files.remove([candidatePath(configPath)]);
}

const MAX_BACKOFF_MS = 30_000;

/** How long triggers wait after so many failed passes in a row. */
function backoffMs(failures: number): number {
  return Math.min(MAX_BACKOFF_MS, 1000 * 2 ** Math.min(failures - 1, 5));
}

export function startReconciler({ context, resyncMs, onReport }: ReconcilerOptions): Reconciler {
  const { config } = context;
  const { clock } = context.ports;
  /** Uptime of the last sign of life of what is under way. */
  let movedMs: number | undefined;
  let beganMs: number | undefined;
  const ports = watchPorts(context.ports, () => {
    movedMs = clock.uptimeMs();
  });
  const abort = new AbortController();
  const { signal } = abort;
  let wanted = new AbortController();
  let latest: PassReport | undefined;
  let busy = false;

  const loop = async (): Promise<void> => {
    let stray = true;
    let failures = 0;
    while (!signal.aborted) {
      movedMs = clock.uptimeMs();
      beganMs = movedMs;
      if (stray) await sweepStrays(ports, config).catch((error: Error) => ports.log.warn({}, error.message));
      wanted = new AbortController();
      busy = true;
      const report = await runPass({ ...context, ports, signal });
      busy = false;
      movedMs = undefined;
      beganMs = undefined;
      latest = report;
      stray = report.outcome === "failed";
      onReport(report);
      failures = stray ? failures + 1 : 0;
      // Its temporary files alone look like somebody's change: without this a full disk would mean pass after pass.
      if (stray) await clock.sleep(backoffMs(failures), signal);
      await pause(Math.min(resyncMs, report.retryMs ?? resyncMs));
    }
  };

  /** Until the next resync or retry, a trigger, or the end. */
  const pause = async (ms: number): Promise<void> => {
    const woken = AbortSignal.any([wanted.signal, signal]);
    await clock.sleep(ms, woken).catch(() => undefined);
  };

  const running = loop().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return {
    trigger(reason) {
      ports.log.debug({ reason }, "pass wanted");
      wanted.abort();
    },
    get latest() {
      return latest;
    },
    get busy() {
      return busy;
    },
    get stillMs() {
      return movedMs === undefined ? 0 : clock.uptimeMs() - movedMs;
    },
    get runMs() {
      return beganMs === undefined ? 0 : clock.uptimeMs() - beganMs;
    },
    async stop() {
      abort.abort(new Error("stopping"));
      await running;
    },
  };
}
