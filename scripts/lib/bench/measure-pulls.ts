import type { Generation } from "../../../test/support/containerd.ts";
import { type BenchMirror, startBenchMirror } from "./bench-mirror.ts";
import { type EvidenceChoice, type EvidenceNode, startEvidenceNode } from "./evidence-node.ts";
import { formatMs } from "./measure-writes.ts";
import { median, medianInterval } from "./median.ts";

const none: EvidenceChoice = { traces: false, witness: false };

/** The second one without evidence shows what two nodes differ by for no reason. */
const VARIANTS: readonly (readonly [name: string, choice: EvidenceChoice])[] = [
  ["none", none],
  ["none again: the noise", none],
  ["witness", { traces: false, witness: true }],
  ["traces", { traces: true, witness: false }],
  ["witness and traces", { traces: true, witness: true }],
];

const IMAGES = [
  ["1 layer of 1 KiB", { layers: 1, bytesPerLayer: 2 ** 10 }],
  ["8 layers of 2 MiB", { layers: 8, bytesPerLayer: 2 ** 21 }],
] as const;

/** The first pulls of a daemon fill its caches. */
const WARM_UP = 3;

/**
 * The same image from the same mirror, by turns, on nodes that differ in nothing but the evidence their agents
 * gather. The ratio is the median of the ratios within each turn, in brackets its 95 % confidence interval.
 */
export async function measurePulls(generation: Generation, runs: number): Promise<readonly string[]> {
  const mirror = await startBenchMirror();
  const nodes: EvidenceNode[] = [];
  try {
    for (const [, choice] of VARIANTS) nodes.push(await startEvidenceNode(generation, choice, mirror.url));
    const rows: string[] = [];
    for (const [index, [image]] of IMAGES.entries()) {
      const times = await pullByTurns(mirror, nodes, index, runs);
      rows.push(...compare(`${image}, containerd ${nodes[0]?.containerdVersion}`, times, await upOn(nodes)));
    }
    return rows;
  } finally {
    await Promise.allSettled(nodes.map((node) => node.stop()));
    await mirror.stop();
  }
}

/** For each node the time of each turn; who begins changes from turn to turn. */
async function pullByTurns(
  mirror: BenchMirror,
  nodes: readonly EvidenceNode[],
  index: number,
  runs: number,
): Promise<readonly (readonly number[])[]> {
  const [, options] = IMAGES[index] ?? [];
  const reference = await mirror.push(`image-${index}`, options ?? {});
  const times: number[][] = nodes.map(() => []);
  for (let turn = -WARM_UP; turn < runs; turn++) {
    for (let step = 0; step < nodes.length; step++) {
      const which = (turn + WARM_UP + step) % nodes.length;
      const ms = (await nodes[which]?.pull(reference)) ?? Number.NaN;
      if (turn >= 0) times[which]?.push(ms);
    }
  }
  return times;
}

function upOn(nodes: readonly EvidenceNode[]): Promise<readonly (readonly string[])[]> {
  return Promise.all(nodes.map((node) => node.sources()));
}

function compare(
  what: string,
  times: readonly (readonly number[])[],
  up: readonly (readonly string[])[],
): readonly string[] {
  const [without = []] = times;
  return VARIANTS.slice(1).map(([name, choice], index) => {
    const own = times[index + 1] ?? [];
    const ratios = own.map((ms, turn) => ms / (without[turn] ?? Number.NaN));
    const [low, high] = medianInterval(ratios);
    const ratio = `${median(ratios).toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;
    const note = missing(choice, up[index + 1] ?? []);
    const aim = choice === none ? "" : "≤ 1.01";
    return `| pull, ${what}, ${name}${note} | ${formatMs(median(own))} | ${formatMs(median(without))} | ${ratio} | ${aim} |`;
  });
}

/** A source that is not up costs nothing and proves nothing. */
function missing({ traces, witness }: EvidenceChoice, up: readonly string[]): string {
  const lacking = [
    ...(traces && !up.includes("trace") ? ["no traces"] : []),
    ...(witness && !up.includes("witness") ? ["no witness"] : []),
  ];
  return lacking.length === 0 ? "" : ` (${lacking.join(" and ")} on this build)`;
}
