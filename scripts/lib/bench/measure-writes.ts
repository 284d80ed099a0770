import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { timed } from "../timed.ts";
import { median } from "./median.ts";
import { createNode, desiredState, isApplied, isPassOver, isStepDone } from "./node.ts";
import { type BareFile, writeBare } from "./write-bare.ts";

const TIMEOUT_MS = 60_000;
/** hosts.toml, and the certificate of the witness. */
const FILES_EACH = 2;

/**
 * From the desired state being there to the agent's word that the step which writes is done, so that its last rename
 * is durable; the bare loop then writes the very same files beside it.
 */
export async function measureWrites(parent: string, count: number, runs: number): Promise<string> {
  const ours: number[] = [];
  const bare: number[] = [];
  for (let run = 0; run < runs; run++) {
    const directory = join(parent, `write-${count}-${run}`);
    const node = await createNode(directory);
    const agent = await node.start();
    await agent.waitFor(isPassOver, 0, TIMEOUT_MS);
    const from = agent.position();
    await node.writeDesiredState(desiredState(count));
    const startMs = performance.now();
    ours.push((await agent.waitFor(isStepDone, from, TIMEOUT_MS)).atMs - startMs);
    await agent.waitFor(isApplied, from, TIMEOUT_MS);
    await agent.stop();
    const files = await readTree(node.certsD);
    if (files.length !== FILES_EACH * count) throw new Error(`${files.length} files for ${count} registries`);
    const loop = await timed(async () => writeBare(join(directory, "bare"), files));
    bare.push(loop.ms);
    await rm(directory, { recursive: true });
  }
  const name = count === 1 ? "1 registry" : `${count.toLocaleString("en")} registries`;
  return compare(`desired state written → ${name} durable`, ours, bare, count === 1000 ? "≤ 1" : "");
}

/** One registry of many changes its mirror. */
export async function measureOneChange(parent: string, count: number, runs: number): Promise<string> {
  const directory = join(parent, "change");
  const node = await createNode(directory);
  await node.writeDesiredState(desiredState(count));
  const agent = await node.start();
  await agent.waitFor(isApplied, 0, TIMEOUT_MS);
  const [bareFile] = (await readTree(node.certsD)).slice(0, 1);
  const ours: number[] = [];
  const bare: number[] = [];
  for (let run = 1; run <= runs; run++) {
    const from = agent.position();
    await node.writeDesiredState(desiredState(count, run));
    const startMs = performance.now();
    ours.push((await agent.waitFor(isStepDone, from, TIMEOUT_MS)).atMs - startMs);
    if (bareFile !== undefined)
      bare.push((await timed(async () => writeBare(join(directory, `bare-${run}`), [bareFile]))).ms);
    // The agent looks at its own change once more; that is not part of the next one.
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  await agent.stop();
  await rm(directory, { recursive: true });
  return compare(`one of ${count.toLocaleString("en")} registries changed → durable`, ours, bare, "< 50 ms");
}

/** From the start of the process to the end of its first pass, when READY is sent; everything is in place. */
export async function measureStart(parent: string, count: number, runs: number): Promise<string> {
  const directory = join(parent, `start-${count}`);
  const node = await createNode(directory);
  await node.writeDesiredState(desiredState(count));
  const first = await node.start();
  await first.waitFor(isApplied, 0, TIMEOUT_MS);
  await first.stop();
  const ours: number[] = [];
  for (let run = 0; run < runs; run++) {
    const startMs = performance.now();
    const agent = await node.start();
    ours.push((await agent.waitFor(isPassOver, 0, TIMEOUT_MS)).atMs - startMs);
    await agent.stop();
  }
  await rm(directory, { recursive: true });
  const name = count === 1 ? "1 registry" : `${count.toLocaleString("en")} registries`;
  return `| start → READY, ${name} in place | ${formatMs(median(ours))} | | | |`;
}

function compare(what: string, ours: readonly number[], bare: readonly number[], aim: string): string {
  const [left, right] = [median(ours), median(bare)];
  return `| ${what} | ${formatMs(left)} | ${formatMs(right)} | ${(left / right).toFixed(2)} | ${aim} |`;
}

export function formatMs(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

async function readTree(root: string): Promise<readonly BareFile[]> {
  const files: BareFile[] = [];
  for (const path of await readdir(root, { recursive: true })) {
    const stats = await stat(join(root, path));
    if (stats.isFile())
      files.push({ path, bytes: await readFile(join(root, path)), mode: stats.mode & 0o7777 });
  }
  return files;
}
