import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Spread, spreadOf } from "./spread.ts";
import { type FleetStage, publish, stageFleet } from "./stage-fleet.ts";

export const ENGINE_LATENCY_HEAD = `| nodes | idle | while they are connected through the feed | ratio of p50 / p99 | while each of five publishes is told to them | idle again |
|---|---|---|---|---|---|`;

const MEASURE_MS = 20_000;
const PUBLISHES = 5;
const ENVELOPE_BYTES = 4_096;

/** What an etcd with a fleet behind it still is to others. */
export async function measureEngineLatency(parent: string, count: number): Promise<string> {
  const stage = await stageFleet(parent);
  try {
    const put = await startPutting(stage);
    await put(2_000);
    const idle = await put(MEASURE_MS);
    const quick = ["feed.max_streams=100000", "feed.handshakes_per_second=100000"];
    const feed = await stage.feed(["controller=false", ...quick]);
    await stage.nodes.order({ kind: "connect", way: "feed", port: feed.port, count });
    await stage.settled(count);
    const watched = await put(MEASURE_MS);
    const during = put(MEASURE_MS);
    for (let round = 0; round < PUBLISHES; round++) {
      await publish(stage.store, ENVELOPE_BYTES);
      await delay(MEASURE_MS / (PUBLISHES + 1));
    }
    const told = await during;
    feed.child.kill("SIGKILL");
    stage.nodes.child.kill("SIGKILL");
    await delay(2_000);
    const again = await put(MEASURE_MS);
    const ratio = (of: keyof Spread): string => (watched[of] / idle[of]).toFixed(2);
    return `| ${count} | ${describe(idle)} | ${describe(watched)} | ${ratio("p50")} / ${ratio("p99")} | ${describe(told)} | ${describe(again)} |`;
  } finally {
    await stage.stop();
  }
}

async function startPutting(stage: FleetStage): Promise<(forMs: number) => Promise<Spread>> {
  const child = fork(join(import.meta.dirname, "put-often.ts"), [stage.endpoints.join(",")], {
    execArgv: ["--import", "tsx"],
  });
  stage.atEnd(() => child.kill("SIGKILL"));
  await once(child, "message");
  return async (forMs) => {
    child.send(forMs);
    const [tookMs] = (await once(child, "message")) as [readonly number[]];
    return spreadOf(tookMs);
  };
}

function describe({ p50, p99 }: Spread): string {
  return `${p50.toFixed(2)} / ${p99.toFixed(2)} ms`;
}
