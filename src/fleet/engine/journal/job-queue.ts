import { joinSignals } from "../../join-signals.ts";
import type { CallOptions } from "../engine.ts";
import { abortedError, EngineError } from "../engine-error.ts";
import { ENGINE_LIMITS } from "../engine-limits.ts";
import type { Job } from "./journal-writer.ts";

export interface JobQueue {
  /** Resolves when what was decided is durable. Rejects with EngineError. */
  run(decide: Job["decide"], call: CallOptions): Promise<void>;
}

/** `write` does what is in the queue, or some of it. `closed` ends what waits. */
export function createJobQueue(write: (queue: Job[]) => Promise<void>, closed: AbortSignal): JobQueue {
  const queue: Job[] = [];
  let isWriting = false;
  const writeAll = async (): Promise<void> => {
    if (isWriting) return;
    isWriting = true;
    // Jobs are told of failures themselves.
    while (queue.length > 0) await write(queue).catch(() => undefined);
    isWriting = false;
  };
  return {
    run: (decide, { timeoutMs = ENGINE_LIMITS.callTimeoutMs, signal }) =>
      new Promise((resolve, reject) => {
        const joined = joinSignals(signal === undefined ? [closed] : [signal, closed]);
        let [isBegun, isSettled] = [false, false];
        const settle = (error?: EngineError): void => {
          if (isSettled) return;
          isSettled = true;
          clearTimeout(late);
          joined.release();
          if (error === undefined) resolve();
          else reject(error);
        };
        const giveUp = (code: "timeout" | "aborted"): void => {
          const applied = isBegun ? "unknown" : "no";
          settle(
            new EngineError(code, `the journal was not written ${code === "timeout" ? "in time" : ""}`, {
              applied,
            }),
          );
        };
        const late = setTimeout(giveUp, timeoutMs, "timeout");
        if (joined.signal.aborted) return settle(abortedError());
        joined.signal.addEventListener("abort", () => giveUp("aborted"), { once: true });
        queue.push({
          decide(state) {
            isBegun = true;
            return decide(state);
          },
          done: settle,
          failed: settle,
          isGivenUp: () => isSettled,
        });
        void writeAll();
      }),
  };
}
