// A process of its own: a client of the etcd that has nothing to do with the fleet, and how long each of its puts takes.
import { setTimeout as delay } from "node:timers/promises";
import { createEtcdEngine } from "../../../../src/fleet/engine/etcd/etcd-engine.ts";

const PAUSE_MS = 10;
const [endpoints = ""] = process.argv.slice(2);
const engine = await createEtcdEngine({
  endpoints: endpoints.split(","),
  nowMs: () => performance.now(),
  random: Math.random,
});
process.on("disconnect", () => process.exit(1));
process.on("message", (forMs: number) => void putFor(forMs));
process.send?.("ready");

async function putFor(forMs: number): Promise<void> {
  const tookMs: number[] = [];
  for (const endMs = performance.now() + forMs; performance.now() < endMs; ) {
    const startMs = performance.now();
    await engine.txn({ success: [{ kind: "put", key: "/apart/put", value: Buffer.alloc(256) }] });
    tookMs.push(performance.now() - startMs);
    await delay(PAUSE_MS);
  }
  process.send?.(tookMs);
}
