import type { EvidenceSink } from "../../agent/evidence/evidence-sink.ts";
import type { Log } from "../../agent/ports.ts";
import type { SourceState } from "../../core/evidence/evidence-report.ts";
import type { WitnessIdentity } from "../../core/evidence/witness-identity.ts";
import type { FromWitness } from "./witness-messages.ts";
import { startWitnessThread, type WitnessThread } from "./witness-thread.ts";

/** The running witness. */
export interface Witness {
  state(): SourceState;
  /** Resolves once it listens, or cannot. */
  readonly started: Promise<void>;
  /** Closes the listener, so that containerd is refused at once. */
  stop(): Promise<void>;
  /** Resolves once the thread has answered; at once when there is none, for then nobody waits for it either. */
  ping(): Promise<void>;
}

export interface WitnessOptions {
  /** The program of the thread. */
  readonly workerFile: URL;
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
export function startWitness({ workerFile, sink, log, ...task }: WitnessOptions): Witness {
  const { address } = task;
  let state: SourceState = { source: "witness", up: false, message: "starting" };
  let thread: WitnessThread | undefined;
  let restart: NodeJS.Timeout | undefined;
  let failures = 0;
  let settle = (): void => {};
  const started = new Promise<void>((resolve) => {
    settle = resolve;
  });

  const setState = (up: boolean, message: string, missed = 0): void => {
    if (state.up === up && state.message === message) return;
    if (!up) log.warn({ address, message }, "the witness is down");
    else if (!state.up) log.info({ address }, "the witness listens");
    state = { source: "witness", up, message, ...(missed === 0 ? {} : { missed }) };
    sink.source(state);
    settle();
  };
  const losses = countLosses((message, missed) => {
    if (state.up) setState(true, message, missed);
  });
  const receive = (message: FromWitness): void => {
    if (message.kind === "listening") {
      failures = 0;
      setState(true, losses.message(), losses.count());
    } else if (message.kind === "unbound") setState(false, message.message);
    else if (message.kind === "hits") {
      for (const hit of message.hits) {
        log.debug({ ...hit }, "no mirror has served this");
        sink.witnessed(hit);
      }
      losses.add(message.lost);
    }
  };
  const start = (): void => {
    thread = startWitnessThread(workerFile, task, receive, (reason) => {
      const delayMs = Math.min(1000 * 2 ** failures++, MAX_RESTART_DELAY_MS);
      setState(false, `its thread has ended (${reason}) and is started again`);
      restart = setTimeout(start, delayMs);
    });
  };
  start();
  return {
    state: () => state,
    started,
    ping: async () => thread?.ping(),
    async stop() {
      clearTimeout(restart);
      losses.stop();
      await thread?.stop();
    },
  };
}

const MAX_RESTART_DELAY_MS = 60_000;
/**
 * While there is a flood the number is another one with each batch. Told sooner than any pull is booked, for which the
 * silence of the witness proves nothing then.
 */
const TELL_LOSSES_EVERY_MS = 1000;

/** Tells of the first loss at once, and of more every now and then. */
function countLosses(tell: (message: string, lost: number) => void) {
  let lost = 0;
  let timer: NodeJS.Timeout | undefined;
  const message = (): string =>
    lost === 0
      ? ""
      : `up to ${lost} requests went uncounted: more came in than could be looked at, or their senders were gone`;
  return {
    message,
    count: () => lost,
    add(more: number): void {
      if (more === 0) return;
      lost += more;
      if (timer !== undefined) return;
      tell(message(), lost);
      timer = setTimeout(() => {
        timer = undefined;
        tell(message(), lost);
      }, TELL_LOSSES_EVERY_MS);
    },
    stop: () => clearTimeout(timer),
  };
}
