import type { Generation } from "../../../test/support/containerd.ts";
import { type BenchMirror, startBenchMirror } from "./bench-mirror.ts";
import { type EvidenceNode, startEvidenceNode } from "./evidence-node.ts";
import { cpuSeconds } from "./process-cpu.ts";

const IDLE_SECONDS = 10;
/** containerd sends its spans once a second. */
const FLUSH_SECONDS = 3;
const LAYERS = 20;

/** CPU that the agent spends on 1,000 requests of pulls, beyond what it spends when there are none. */
export async function measureObserving(generation: Generation, runs: number): Promise<readonly string[]> {
  const mirror = await startBenchMirror();
  try {
    return [await observeTraces(mirror, generation, runs), await observeWitness(mirror, generation, runs)];
  } finally {
    await mirror.stop();
  }
}

/** Pulls of an image of many layers, each of which is a request. */
async function observeTraces(mirror: BenchMirror, generation: Generation, runs: number): Promise<string> {
  const node = await startEvidenceNode(generation, { traces: true, witness: false }, mirror.url);
  try {
    const reference = await mirror.push("many-layers", { layers: LAYERS, bytesPerLayer: 64 });
    await node.pull(reference);
    return await row("traces", node, async () => {
      for (let run = 0; run < runs; run++) await node.pull(reference);
    });
  } finally {
    await node.stop();
  }
}

/** Pulls of images that the mirror does not have, so that each comes to the witness. */
async function observeWitness(mirror: BenchMirror, generation: Generation, runs: number): Promise<string> {
  const node = await startEvidenceNode(generation, { traces: false, witness: true }, mirror.url);
  try {
    await node.attempt("gcr.io/bench/absent:warm-up");
    return await row("witness", node, async () => {
      for (let run = 0; run < runs * LAYERS; run++) {
        const { value } = await node.attempt(`gcr.io/bench/absent:${run}`);
        if (value.ok) throw new Error("an image that nobody pushed was pulled");
      }
    });
  } finally {
    await node.stop();
  }
}

async function row(source: string, node: EvidenceNode, pulls: () => Promise<void>): Promise<string> {
  await sleep(FLUSH_SECONDS);
  const idle = await spend(node.agentPid, () => sleep(IDLE_SECONDS));
  const before = await node.seen();
  const busy = await spend(node.agentPid, async () => {
    await pulls();
    await sleep(FLUSH_SECONDS);
  });
  const seen = (await node.seen()) - before;
  const what = `agent's CPU for 1,000 requests seen, ${source}, containerd ${node.containerdVersion}`;
  if (seen === 0) return `| ${what} | nothing seen on this build | | | |`;
  const spent = busy.cpuSeconds - (idle.cpuSeconds / idle.seconds) * busy.seconds;
  const perThousand = (spent / seen) * 1000;
  return `| ${what} (${seen} seen) | ${(perThousand * 1000).toFixed(0)} ms | | | |`;
}

async function spend(pid: number, action: () => Promise<void>) {
  const [cpu, startMs] = [cpuSeconds(pid), performance.now()];
  await action();
  return { cpuSeconds: cpuSeconds(pid) - cpu, seconds: (performance.now() - startMs) / 1000 };
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
