import type { EvidenceSink } from "../agent/evidence/evidence-sink.ts";
import type { Log } from "../agent/ports.ts";
import type { WitnessKeeper } from "../agent/witness-keeper.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { startWitness, type Witness } from "../edge/witness/start-witness.ts";
import { witnessWorkerFile } from "./witness-worker-file.ts";

/**
 * The witness as agent.toml wants it, listening before anything is written that names it. Where it cannot be had the
 * source is down with the reason, and the agent does its work without.
 */
export async function runWitness(
  keeper: WitnessKeeper | undefined,
  { evidence, style }: AgentConfig,
  sink: Pick<EvidenceSink, "witnessed" | "source">,
  log: Log,
): Promise<Witness | undefined> {
  const down = (message: string): undefined =>
    sink.source({ source: "witness", up: false, message }) as undefined;
  if (keeper === undefined)
    return down(
      style === "legacy" && evidence.witness
        ? 'the legacy style cannot name it: set style = "certs.d"'
        : "switched off in agent.toml (evidence.witness)",
    );
  try {
    const identity = await keeper.keep();
    if (identity === undefined) return down("it has no key");
    const trusted = [...new Set([0, process.getuid?.() ?? 0])];
    const { witnessAddress: address } = evidence;
    const witness = startWitness({
      workerFile: witnessWorkerFile(),
      address,
      identity,
      trusted,
      sink,
      log,
    });
    await atMost(MAX_START_MS, witness.started);
    return witness;
  } catch (error) {
    const message = `its key cannot be kept: ${error instanceof Error ? error.message : String(error)}`;
    log.error({ message }, "the witness cannot be started");
    return down(message);
  }
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
