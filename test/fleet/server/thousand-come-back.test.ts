import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startNodes } from "../../../scripts/lib/bench/feed/start-nodes.ts";
import { readFleet } from "../../../src/fleet/store/read-fleet.ts";
import { atEnd } from "../../support/at-end.ts";
import { startEtcd } from "../../support/etcd.ts";
import { type FeedProcessOptions, feedProcess } from "../../support/feed-process.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { leaseDirectory } from "../../support/leased-directory.ts";
import { WAIT_LIMIT_MS } from "../../support/wait-limit.ts";
import { openEtcd } from "../engine/open-engine.ts";

const NODES = 1_000;
/** Less than any machine could do. */
const PER_SECOND = 80;
/** Beside the streams, for connections that only ask once. */
const SPARE = 512;

const skip = partSkipReason("etcd") ?? false;

test("a thousand nodes whose server died all come back, and no faster than it lets them in", {
  skip,
  timeout: 400_000,
}, async (t) => {
  const etcd = await startEtcd();
  atEnd(t, etcd.stop);
  const engine = await openEtcd({ endpoints: etcd.endpoints });
  atEnd(t, () => engine.close());
  const nodes = await startNodes();
  atEnd(t, () => nodes.child.kill("SIGKILL"));
  const lease = await leaseDirectory("storm");
  atEnd(t, lease.release);
  const create = async (name: string, more: Pick<FeedProcessOptions, "port" | "settings">) => {
    const made = await feedProcess({
      lease,
      name,
      fleet: "bench",
      engine: `etcd://${new URL(etcd.endpoints[0] ?? "").host}`,
      clientCa: nodes.tls.ca,
      certificate: nodes.tls,
      ...more,
    });
    atEnd(t, made.kill);
    return made;
  };
  const quick = await create("quick", { settings: { handshakes_per_second: 100_000 } });
  await quick.start();
  const { port } = quick;
  const { connected, tries } = await nodes.order({ kind: "connect", way: "feed", port, count: NODES });
  assert.equal(connected, NODES);
  const settings = { max_streams: NODES, handshakes_per_second: PER_SECOND };
  const server = await create("limited", { port, settings });
  await quick.kill();

  const startMs = performance.now();
  await server.start();
  let mostWaiting = 0;
  const look = async (): Promise<number> => {
    const text = await server.metrics();
    const sampleOf = (name: string): number =>
      Number(new RegExp(`^mirrorlet_feed_server_${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
    mostWaiting = Math.max(mostWaiting, sampleOf("handshakes_waiting"));
    const opened = sampleOf("streams_opened_total");
    // Each has cost a handshake. What was not used is not saved up, but for a tenth of a second.
    const most = PER_SECOND * (0.1 + (performance.now() - startMs) / 1_000);
    assert.ok(opened <= most, `${opened} were let in, ${most} may be`);
    assert.ok(sampleOf("connections") <= NODES + SPARE, `${sampleOf("connections")} connections`);
    return sampleOf("streams");
  };
  await until("all are back", async () => (await look()) === NODES);
  await until("all are entered", async () => {
    const { status, server: seats } = await readFleet({ engine, fleet: "bench" });
    const there = [...status.values()].filter(({ value }) => seats.has(value.connection?.server ?? ""));
    return there.length === NODES;
  });
  assert.equal((await nodes.order({ kind: "collect" })).connected, NODES);
  assert.ok(mostWaiting > 10, `${mostWaiting} had to wait for their turn`);
  const again = (await nodes.order({ kind: "collect" })).tries - tries;
  t.diagnostic(`${again} tries, ${mostWaiting} waited at most, ${seconds(performance.now() - startMs)} s`);
});

const seconds = (ms: number): string => (ms / 1_000).toFixed(1);

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await isSo()); waited += 100) {
    assert.ok(waited < 2 * WAIT_LIMIT_MS, what);
    await sleep(100);
  }
}
