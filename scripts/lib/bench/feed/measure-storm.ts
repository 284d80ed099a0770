import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { stageFleet } from "./stage-fleet.ts";

export const STORM_HEAD = `| nodes | all back | and entered | connections dropped | tries a node | most waiting | memory after / peak | event loop stood still at most | CPU a node |
|---|---|---|---|---|---|---|---|---|`;

const WAIT_MS = 600_000;
const LOOK_MS = 250;

/** A server with all nodes is killed and comes back on its port, with its usual limits; nodes come back as agents do. */
export async function measureStorm(parent: string, count: number): Promise<string> {
  const stage = await stageFleet(parent);
  try {
    const quick = ["feed.max_streams=100000", "feed.handshakes_per_second=100000"];
    const first = await stage.feed(["controller=false", ...quick]);
    await stage.nodes.order({ kind: "connect", way: "feed", port: first.port, count });
    await stage.settled(count);
    const { tries: before } = await stage.nodes.order({ kind: "collect" });
    const startMs = performance.now();
    first.child.kill("SIGKILL");
    await once(first.child, "exit");
    const feed = await stage.feed(["controller=false"], first.port);
    let [mostWaiting, stallMs, dropped] = [0, 0, 0];
    const look = async (): Promise<number> => {
      const { connected, tries } = await stage.nodes.order({ kind: "collect" });
      mostWaiting = Math.max(mostWaiting, await feed.metric("mirrorlet_feed_server_handshakes_waiting"));
      stallMs = Math.max(stallMs, await feed.stallMs());
      triesNow = tries;
      return connected;
    };
    let triesNow = before;
    while ((await look()) < count) {
      if (performance.now() - startMs > WAIT_MS) throw new Error("not all nodes came back");
      await delay(LOOK_MS);
    }
    const backMs = performance.now() - startMs;
    await stage.settled(count);
    const enteredMs = performance.now() - startMs;
    await look();
    dropped = await feed.metric("mirrorlet_feed_server_connections_dropped_total");
    const cpu = (feed.cpuSeconds() * 1_000) / count;
    const memory = await feed.memory();
    const mega = (bytes: number): string => (bytes / 1e6).toFixed(0);
    return `| ${count} | ${seconds(backMs)} | ${seconds(enteredMs)} | ${dropped} | ${((triesNow - before) / count).toFixed(2)} | ${mostWaiting} | ${mega(memory.now)} / ${mega(memory.peak)} MB | ${stallMs.toFixed(0)} ms | ${cpu.toFixed(1)} ms |`;
  } finally {
    await stage.stop();
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
