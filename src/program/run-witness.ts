import type { EvidenceSink } from "../agent/evidence/evidence-sink.ts";
import type { Log } from "../agent/ports.ts";
import type { WitnessKeeper } from "../agent/witness-keeper.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { startWitness, type Witness } from "../edge/witness/start-witness.ts";
import { witnessWorkerFile } from "./witness-worker-file.ts";

/** The witness as agent.toml wants it, running or not. */
export interface WitnessRun {
  /** After a pass, which may have kept the key that could not be kept before: then hosts.toml names the witness. */
  passed(): void;
  /** Resolves when its thread has answered; at once where there is none. */
  ping(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Resolves when it listens: hosts.toml may name it from then on. Where it cannot be had the source is down with the
 * reason, the agent does its work without, and after each pass it is tried again.
 */
export async function runWitness(
  keeper: WitnessKeeper | undefined,
  config: Pick<AgentConfig, "evidence" | "style">,
  sink: Pick<EvidenceSink, "witnessed" | "source">,
  log: Log,
): Promise<WitnessRun> {
  if (keeper === undefined) {
    sink.source({ source: "witness", up: false, message: whyNone(config) });
    return { passed() {}, ping: async () => {}, stop: async () => {} };
  }
  let witness: Witness | undefined;
  let isStopped = false;
  let trouble = "";
  const attempt = async (): Promise<void> => {
    try {
      const identity = await keeper.keep();
      if (isStopped) return;
      if (identity === undefined) {
        sink.source({ source: "witness", up: false, message: "it has no key" });
        return;
      }
      const trusted = [...new Set([0, process.getuid?.() ?? 0])];
      const { witnessAddress: address } = config.evidence;
      witness = startWitness({ workerFile: witnessWorkerFile(), address, identity, trusted, sink, log });
      await atMost(MAX_START_MS, witness.started);
    } catch (error) {
      const message = `its key cannot be kept: ${error instanceof Error ? error.message : String(error)}`;
      if (message === trouble) return;
      trouble = message;
      log.error({ message }, "the witness cannot be started");
      sink.source({ source: "witness", up: false, message });
    }
  };
  let attempting: Promise<void> | undefined;
  const start = (): Promise<void> => {
    attempting ??= attempt().finally(() => {
      attempting = undefined;
    });
    return attempting;
  };
  await start();
  return {
    passed() {
      if (witness === undefined && !isStopped) void start();
    },
    ping: async () => witness?.ping(),
    async stop() {
      isStopped = true;
      await attempting;
      await witness?.stop();
    },
  };
}

function whyNone({ evidence, style }: Pick<AgentConfig, "evidence" | "style">): string {
  return style === "legacy" && evidence.witness
    ? 'the legacy style cannot name it: set style = "certs.d"'
    : "switched off in agent.toml (evidence.witness)";
}

/** A thread that does not come up must not keep the agent from its work. */
const MAX_START_MS = 5000;

async function atMost(ms: number, done: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([done, late]);
  clearTimeout(timer);
}
