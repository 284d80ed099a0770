import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { BareOrder } from "./bare-fan-out.ts";
import type { FeedProcess } from "./feed-process.ts";
import { medianSpread, type Spread, spreadOf } from "./spread.ts";
import { type FleetStage, publish, stageFleet } from "./stage-fleet.ts";
import { type SimulatedNodes, startNodes } from "./start-nodes.ts";

/** So many are told before anything counts, in two rounds at least: until then programs are compiled. */
const WARM_UP_TOLD = 10_000;
const ROUNDS = 5;
const ENVELOPE_BYTES = 4_096;
const IDLE_MS = 15_000;
const WAIT_MS = 120_000;

export const FAN_OUT_HEAD = `| nodes | the first publish | publish to told, p50 / p99 | bare TLS, p50 / p99 | ratio of p99 | bare with a durable key a node, p99 | ratio | memory a node | CPU a node: connect / a publish / idle, a minute |
|---|---|---|---|---|---|---|---|---|`;

/** From a publish to all who are connected; in turns with a server that does nothing but write the same bytes to as many. */
export async function measureFanOut(parent: string, count: number): Promise<string> {
  const stage = await stageFleet(parent);
  try {
    const feed = await stage.feed([
      "controller=false",
      "feed.max_streams=100000",
      "feed.handshakes_per_second=100000",
    ]);
    const empty = await feed.memory();
    const cpu = cpuMeter(feed, count);
    await stage.nodes.order({ kind: "connect", way: "feed", port: feed.port, count });
    await stage.settled(count);
    const connectMs = cpu();
    const bare = await startBare(stage, count);
    cpu();
    await delay(IDLE_MS);
    const idleMs = (cpu() * 60_000) / IDLE_MS;
    const memory = ((await feed.memory()).now - empty.now) / count;
    const told: Spread[] = [];
    const plain: Spread[] = [];
    const durable: Spread[] = [];
    let publishMs = 0;
    const warmUps = Math.max(2, Math.ceil(WARM_UP_TOLD / count));
    let first: Spread | undefined;
    for (let round = 0; round < warmUps + ROUNDS; round++) {
      if (round === warmUps) for (const list of [told, plain, durable]) list.length = 0;
      cpu();
      told.push(await hear(stage.nodes, count, await publish(stage.store, ENVELOPE_BYTES)));
      // The engine tells the server of its own writes.
      await delay(1_000);
      const spent = cpu();
      first ??= told[0];
      if (round >= warmUps) publishMs += spent / ROUNDS;
      plain.push(await bare({ bytes: ENVELOPE_BYTES, isDurable: false }));
      durable.push(await bare({ bytes: ENVELOPE_BYTES, isDurable: true }));
      process.stderr.write(
        `bench-feed: round ${round}: ${[told, plain, durable].map((list) => describe(list.at(-1))).join(", ")}\n`,
      );
    }
    const after = ((await feed.memory()).now - empty.now) / count;
    if (process.env["BENCH_PROFILE"] !== undefined) await endForProfile(feed);
    const [ours, theirs, noted] = [told, plain, durable].map(medianSpread) as [Spread, Spread, Spread];
    return `| ${count} | ${describe(first)} ms | ${describe(ours)} ms | ${describe(theirs)} ms | ${(ours.p99 / theirs.p99).toFixed(1)} | ${noted.p99.toFixed(0)} ms | ${(ours.p99 / noted.p99).toFixed(1)} | ${kilo(memory)} idle, ${kilo(after)} after ${warmUps + ROUNDS} publishes | ${connectMs.toFixed(1)} ms / ${(publishMs * 1_000).toFixed(0)} µs / ${idleMs.toFixed(1)} ms |`;
  } finally {
    await stage.stop();
  }
}

/** CPU of the server since the last call, ms a node. */
function cpuMeter(feed: FeedProcess, count: number): () => number {
  let before = feed.cpuSeconds();
  return () => {
    const now = feed.cpuSeconds();
    const spent = ((now - before) * 1_000) / count;
    before = now;
    return spent;
  };
}

async function startBare(stage: FleetStage, count: number): Promise<(order: BareOrder) => Promise<Spread>> {
  const nodes = await startNodes();
  stage.atEnd(() => nodes.child.kill("SIGKILL"));
  const { ca: CA, cert: CERT, key: KEY } = nodes.tls;
  const bare = fork(join(import.meta.dirname, "bare-fan-out.ts"), {
    execArgv: ["--import", "tsx"],
    env: { ...process.env, CA, CERT, KEY, ETCD: stage.endpoints.join(",") },
  });
  stage.atEnd(() => bare.kill("SIGKILL"));
  const [{ port }] = (await once(bare, "message")) as [{ port: number }];
  await nodes.order({ kind: "connect", way: "bare", port, count });
  return async (order) => {
    const startMs = performance.timeOrigin + performance.now();
    bare.send(order);
    return hear(nodes, count, startMs);
  };
}

async function hear(nodes: SimulatedNodes, count: number, startMs: number): Promise<Spread> {
  const ends = Date.now() + WAIT_MS;
  const heard: number[] = [];
  while (heard.length < count && Date.now() < ends) {
    await delay(50);
    heard.push(...(await nodes.order({ kind: "collect" })).heard);
  }
  if (heard.length !== count) throw new Error(`${heard.length} of ${count} have heard`);
  return spreadOf(heard.map((ms) => ms - startMs));
}

async function endForProfile(feed: FeedProcess): Promise<void> {
  feed.child.kill("SIGTERM");
  await Promise.race([once(feed.child, "exit"), delay(30_000)]);
}

function describe(spread: Spread | undefined): string {
  return `${spread?.p50.toFixed(0)} / ${spread?.p99.toFixed(0)}`;
}

function kilo(bytes: number): string {
  return `${(bytes / 1_000).toFixed(0)} kB`;
}
