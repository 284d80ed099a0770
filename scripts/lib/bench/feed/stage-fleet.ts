import { createHash, randomBytes } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createEtcdEngine } from "../../../../src/fleet/engine/etcd/etcd-engine.ts";
import { putBundle } from "../../../../src/fleet/store/bundles.ts";
import type { FleetStore } from "../../../../src/fleet/store/fleet-store.ts";
import { readFleet } from "../../../../src/fleet/store/read-fleet.ts";
import { writeChannel } from "../../../../src/fleet/store/write-channel.ts";
import { startEtcd } from "../../../../test/support/etcd.ts";
import { type FeedProcess, startFeed } from "./feed-process.ts";
import { type SimulatedNodes, startNodes } from "./start-nodes.ts";

/** An etcd, a feed server and a process with nodes that are not connected yet. */
export interface FleetStage {
  readonly store: FleetStore;
  readonly endpoints: readonly string[];
  readonly nodes: SimulatedNodes;
  feed(settings?: readonly string[], port?: number): Promise<FeedProcess>;
  /** Of processes that it has not started itself. */
  atEnd(stop: () => void): void;
  /** All nodes have a status with a stream of a server that is there. */
  settled(count: number): Promise<void>;
  stop(): Promise<void>;
}

const WAIT_MS = 240_000;

export async function stageFleet(parent: string): Promise<FleetStage> {
  const directory = await mkdtemp(join(parent, "stage-"));
  const etcd = await startEtcd();
  const { endpoints } = etcd;
  const nodes = await startNodes();
  const ends = [(): void => void nodes.child.kill("SIGKILL")];
  const engine = await createEtcdEngine({ endpoints, nowMs: () => performance.now(), random: Math.random });
  const store = { engine, fleet: "bench" };
  return {
    store,
    endpoints,
    nodes,
    async feed(settings = [], port) {
      const profile = process.env["BENCH_PROFILE"];
      const feed = await startFeed({
        directory,
        endpoints,
        tls: nodes.tls,
        settings,
        ...(port !== undefined && { port }),
        ...(profile && { nodeOptions: ["--cpu-prof", `--cpu-prof-dir=${profile}`] }),
      });
      ends.push(() => void feed.child.kill("SIGKILL"));
      return feed;
    },
    atEnd: (stop) => void ends.push(stop),
    async settled(count) {
      for (let waited = 0; waited < WAIT_MS; waited += 500) {
        const { status, server } = await readFleet(store);
        const there = [...status.values()].filter(({ value: { connection } }) =>
          server.has(connection?.server ?? ""),
        );
        if (there.length >= count) return;
        await delay(500);
      }
      throw new Error("not all nodes were entered");
    },
    async stop() {
      for (const end of ends) end();
      await engine.close();
      await etcd.stop();
    },
  };
}

/** Makes something new stable; when that was, as wall time in ms. */
export async function publish(store: FleetStore, envelopeBytes: number): Promise<number> {
  const envelope = randomBytes(envelopeBytes);
  const digest = createHash("sha256").update(envelope).digest("hex");
  await putBundle(store, digest, envelope);
  const before = (await readFleet(store)).channel.get("stable");
  const generation = (before?.value.generation ?? 0) + 1;
  const startMs = performance.timeOrigin + performance.now();
  const stable = { digest, serial: generation };
  await writeChannel(store, "stable", before, { members: {}, scoped: [], stable, generation });
  return startMs;
}
