import { Worker } from "node:worker_threads";
import type { FromWitness, ToWitness, WitnessTask } from "./witness-messages.ts";

/** One life of the witness' thread. */
export interface WitnessThread {
  /** Resolves once the thread has answered; at once when it has ended, for then nobody waits for it either. */
  ping(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the thread, whose program is `file`; `onEnd` is called once when it ends by itself. */
export function startWitnessThread(
  file: URL,
  task: WitnessTask,
  onMessage: (message: Exclude<FromWitness, { kind: "pong" }>) => void,
  onEnd: (reason: string) => void,
): WitnessThread {
  const worker = new Worker(file, {
    name: "witness",
    workerData: task,
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 },
  });
  const pings = new Map<number, () => void>();
  let lastPing = 0;
  let isOver = false;
  const send = (message: ToWitness): void => worker.postMessage(message);
  const end = (reason: string): void => {
    for (const release of pings.values()) release();
    pings.clear();
    if (isOver) return;
    isOver = true;
    onEnd(reason);
  };
  worker.on("message", (message: FromWitness) => {
    if (message.kind === "pong") {
      pings.get(message.id)?.();
      pings.delete(message.id);
      return;
    }
    onMessage(message);
    if (message.kind === "hits") send({ kind: "taken" });
  });
  worker.on("error", (error) => end(error.message));
  worker.on("exit", (code) => end(`exit code ${code}`));
  return {
    ping() {
      if (isOver) return Promise.resolve();
      const id = ++lastPing;
      return new Promise((resolve) => {
        pings.set(id, resolve);
        send({ kind: "ping", id });
      });
    },
    async stop() {
      isOver = true;
      await worker.terminate();
    },
  };
}
