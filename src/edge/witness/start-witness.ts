import { Worker } from "node:worker_threads";
import type { EvidenceSink } from "../../agent/evidence-sink.ts";
import type { Log } from "../../agent/ports.ts";
import type { SourceState } from "../../core/evidence/evidence-report.ts";
import type { WitnessIdentity } from "../../core/evidence/witness-identity.ts";
import type { FromWitness, ToWitness, WitnessTask } from "./witness-messages.ts";

/** The running witness. */
export interface Witness {
  state(): SourceState;
  /** Closes the listener, so that containerd is refused at once. */
  stop(): Promise<void>;
  /** Resolves once the thread has answered; at once when there is none, for then nobody waits for it either. */
  ping(): Promise<void>;
}

export interface WitnessOptions {
  /** host:port, IPv4 loopback; the one that hosts.toml names. */
  readonly address: string;
  readonly identity: WitnessIdentity;
  /** Users whose requests are counted: root, whose is containerd, and the agent's own. */
  readonly trusted: readonly number[];
  readonly sink: Pick<EvidenceSink, "witnessed" | "source">;
  readonly log: Log;
}

/**
 * Starts the witness in a thread of its own, so that a busy main loop never delays a pull. When it cannot bind, or
 * its thread ends, the source is down and it is tried again; containerd is refused there meanwhile, and goes on.
 */
export function startWitness({ sink, log, ...task }: WitnessOptions): Witness {
  const { address } = task;
  let state: SourceState = { source: "witness", up: false, message: "starting" };
  let thread: Thread | undefined;
  let restart: NodeJS.Timeout | undefined;
  let failures = 0;
  /** By threads that have ended. */
  let lostBefore = 0;
  let lost = 0;

  const setState = (up: boolean, message: string): void => {
    if (state.up === up && state.message === message) return;
    if (!up) log.warn({ address, message }, "the witness is down");
    else if (!state.up) log.info({ address }, "the witness listens");
    state = { source: "witness", up, message };
    sink.source(state);
  };
  const receive = (message: FromWitness): void => {
    if (message.kind === "listening") {
      failures = 0;
      setState(true, describeLost(lost));
    } else if (message.kind === "unbound") setState(false, message.message);
    else if (message.kind === "hits") {
      for (const hit of message.hits) {
        log.debug({ ...hit }, "no mirror has served this");
        sink.witnessed(hit);
      }
      lost = lostBefore + message.lost;
      if (state.up) setState(true, describeLost(lost));
    }
  };
  const start = (): void => {
    thread = startThread(task, receive, (reason) => {
      const delayMs = Math.min(1000 * 2 ** failures++, MAX_RESTART_DELAY_MS);
      lostBefore = lost;
      setState(false, `its thread has ended (${reason}) and is started again`);
      restart = setTimeout(start, delayMs);
    });
  };
  start();
  return {
    state: () => state,
    ping: async () => thread?.ping(),
    async stop() {
      clearTimeout(restart);
      await thread?.stop();
    },
  };
}

const MAX_RESTART_DELAY_MS = 60_000;

function describeLost(lost: number): string {
  return lost === 0
    ? ""
    : `up to ${lost} requests went uncounted: more came in than could be looked at, or their senders were gone`;
}

interface Thread {
  ping(): Promise<void>;
  stop(): Promise<void>;
}

/** `onEnd` is called once, unless it was stopped. */
function startThread(
  task: WitnessTask,
  onMessage: (message: FromWitness) => void,
  onEnd: (reason: string) => void,
): Thread {
  const worker = new Worker(workerFile(), {
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

/** Beside this file, in the sources as in the build: it must stay a file of its own wherever this one is bundled. */
function workerFile(): URL {
  if (!import.meta.url.endsWith(".ts")) return new URL("./witness-worker.js", import.meta.url);
  // In tests. On Node 20 `--import tsx` does not reach threads, so this one asks for it itself.
  const [tsx, entry] = ["tsx/esm/api", "./witness-worker.ts"].map((name) => import.meta.resolve(name));
  return new URL(`data:text/javascript,import{register}from"${tsx}";register();await import("${entry}")`);
}
