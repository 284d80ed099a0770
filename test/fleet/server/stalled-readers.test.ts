import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openRawStream, type RawStream } from "../../../scripts/lib/bench/feed/raw-stream.ts";
import { putBundle } from "../../../src/fleet/store/bundles.ts";
import { readFleet } from "../../../src/fleet/store/read-fleet.ts";
import { writeChannel } from "../../../src/fleet/store/write-channel.ts";
import { loadFeedService } from "../../../src/shared/feed/load-feed-service.ts";
import { channelWith, sha256 } from "../../core/fleet/support/fleet.ts";
import { atEnd } from "../../support/at-end.ts";
import { startEtcd } from "../../support/etcd.ts";
import { feedProcess } from "../../support/feed-process.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { leaseDirectory } from "../../support/leased-directory.ts";
import { WAIT_LIMIT_MS } from "../../support/wait-limit.ts";
import { eventually } from "../engine/engine-words.ts";
import { openEtcd } from "../engine/open-engine.ts";
import { connectNode, type FeedNode } from "./support/feed-node.ts";
import { type TestFleet, testFleet, writeTestChannel } from "./support/feed-words.ts";

const VERSIONS = 1_000;
const WARM_UP = 100;
const ENVELOPE_BYTES = 160 * 1024;
/** Of each kind. */
const STALLED = 5;
/** A megabyte that has not been read, what is on its way behind it, and the newest. */
const MOST_HEARD = 20;
/** All versions together are 164 MB, and would be kept as long as one of them waits; each reader may have its own of one. */
const MOST_GROWTH = 120e6;
const BEAT_MS = 20_000;

const skip = partSkipReason("etcd") ?? false;
const { Sync } = await loadFeedService();

test("a thousand versions cost a server no memory for those who do not read, and others no time", {
  skip,
  timeout: 600_000,
}, async (t) => {
  const etcd = await startEtcd();
  atEnd(t, etcd.stop);
  const engine = await openEtcd({ endpoints: etcd.endpoints });
  atEnd(t, () => engine.close());
  const fleet = await testFleet(t, { engine, fleet: "prod" });
  await writeTestChannel(fleet.store);
  const lease = await leaseDirectory("stalled");
  atEnd(t, lease.release);
  const server = await feedProcess({
    lease,
    name: "feed",
    fleet: "prod",
    engine: `etcd://${new URL(etcd.endpoints[0] ?? "").host}`,
    clientCa: fleet.ca.cert,
    certificate: await fleet.ca.issueServer(),
  });
  await server.start();
  atEnd(t, server.kill);
  const reader = await startGreedyReader(t, fleet, server.port, "n0");
  const stalled: Reader[] = [];
  for (let index = 0; index < STALLED; index++) {
    stalled.push(await startCarefulReader(t, fleet, server.port, `c${index}`));
    stalled.push(await startGreedyReader(t, fleet, server.port, `g${index}`));
  }
  const publish = await createPublisher(fleet, reader);
  // Until then programs are compiled, and buffers grow to what they need.
  for (let count = 0; count < WARM_UP; count++) await publish();
  for (const one of stalled) {
    await eventually(() => one.heard().length > 0, `${one.id} is there`);
    one.stall();
  }
  const before = await server.memory();
  for (let count = 0; count < VERSIONS; count++) await publish();
  const after = await server.memory();
  const growth = after.most - before.now;
  const conflated = await server.metric("mirrorlet_feed_server_assignments_conflated_total");
  t.diagnostic(
    `${mega(before.now)} before, ${mega(after.most)} at most, ${conflated} replaced unsent, ${await server.metric("mirrorlet_feed_server_streams")} streams`,
  );
  assert.ok(growth < MOST_GROWTH, `${mega(growth)} more`);
  assert.ok(reader.heard().length >= WARM_UP + VERSIONS, "others have heard of each");

  const newest = reader.heard().at(-1);
  for (const one of stalled) {
    const { length } = one.heard();
    one.goOn();
    await eventually(async () => {
      await one.comeBack();
      return one.heard().at(-1) === newest;
    }, `${one.id} hears the newest`);
    const heard = one.heard().length - length;
    assert.ok(heard <= MOST_HEARD, `${one.id} hears ${heard}`);
  }
});

const mega = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

interface Reader {
  readonly id: string;
  /** Digests, as they come. */
  heard(): readonly string[];
  stall(): void;
  goOn(): void;
  /** Comes back where its stream has ended: one that is left unread is, sooner or later. */
  comeBack(): Promise<void>;
}

/** Reads its socket, and grants no more than the window that gRPC begins with. */
async function startCarefulReader(
  t: TestContext,
  fleet: TestFleet,
  port: number,
  id: string,
): Promise<Reader> {
  const connect = () => connectNode(t, fleet, port, id, { nature: "mute", instance: Buffer.from(id) });
  const nodes = [await connect()];
  const last = () => nodes.at(-1) as FeedNode;
  const beat = setInterval(() => last().send({ heartbeat: {} }), BEAT_MS);
  atEnd(t, () => clearInterval(beat));
  return {
    id,
    heard: () => nodes.flatMap(({ assignments }) => assignments.map(({ digest }) => digest.toString("hex"))),
    stall: () => last().stall(),
    goOn: () => last().goOn(),
    async comeBack() {
      if (last().ended() !== undefined) nodes.push(await connect());
    },
  };
}

/** Grants a window of a megabyte, and leaves all of it unread in its socket. */
async function startGreedyReader(
  t: TestContext,
  fleet: TestFleet,
  port: number,
  id: string,
): Promise<Reader> {
  const { cert, key } = await fleet.issue(id);
  const heard: string[] = [];
  let stream: RawStream | undefined;
  const open = (): void => {
    const hello = { protocol: 1, nodeId: id, instance: Buffer.from(id), bootId: "b" };
    stream = openRawStream({
      ...{ host: "127.0.0.1", port, ca: fleet.ca.cert, cert, key },
      method: Sync.path,
      hello: Sync.requestSerialize({ seq: 1, hello }),
      onMessage(message) {
        const { assignment } = Sync.responseDeserialize(message);
        if (assignment) heard.push(assignment.digest.toString("hex"));
      },
      onEnd() {
        stream = undefined;
      },
    });
  };
  open();
  const heartbeat = Sync.requestSerialize({ heartbeat: {} });
  const beat = setInterval(() => stream?.send(heartbeat), BEAT_MS);
  atEnd(t, () => {
    clearInterval(beat);
    stream?.destroy();
  });
  return {
    id,
    heard: () => heard,
    stall: () => stream?.stall(),
    goOn: () => stream?.goOn(),
    async comeBack() {
      if (stream === undefined) open();
    },
  };
}

/** Makes something new stable, and waits until that reader has it. */
async function createPublisher({ store }: TestFleet, reader: Reader): Promise<() => Promise<void>> {
  let before = (await readFleet(store)).channel.get("stable");
  return async () => {
    const envelope = randomBytes(ENVELOPE_BYTES);
    const generation = (before?.value.generation ?? 0) + 1;
    const stable = { digest: sha256(envelope), serial: generation };
    const value = channelWith({ stable, generation });
    await putBundle(store, stable.digest, envelope);
    const written = await writeChannel(store, "stable", before, value);
    assert.ok(written.ok);
    const { revision } = written;
    before = { value, createRevision: before?.createRevision ?? revision, modRevision: revision };
    for (let waited = 0; reader.heard().at(-1) !== stable.digest; waited += 2) {
      assert.ok(waited < WAIT_LIMIT_MS, `${reader.id} does not hear of generation ${generation}`);
      await sleep(2);
    }
  };
}
