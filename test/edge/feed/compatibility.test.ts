import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { FeedNews, FeedReport, FeedStream } from "../../../src/agent/feed/feed-messages.ts";
import { type FeedLink, followFeed } from "../../../src/edge/feed/follow-feed.ts";
import { createClock } from "../../../src/host/clock.ts";
import type { FeedDefinition } from "../../../src/shared/feed/generated/mirrorlet/feed/v1/Feed.ts";
import type { ServerMessage } from "../../../src/shared/feed/generated/mirrorlet/feed/v1/ServerMessage.ts";
import { eventually } from "../../fleet/engine/engine-words.ts";
import {
  addToContract,
  addToMessage,
  contract,
  loadContract,
  takeFromContract,
} from "../../shared/feed/support/other-contracts.ts";
import { type ScriptedFeed, startScriptedFeed } from "../../support/scripted-feed.ts";
import { createCa } from "../../support/tls.ts";

const DIGEST = "ab".repeat(32);
const STATE = {
  floor: 3,
  rejections: [],
  source: "feed",
  registries: [],
  conditions: [],
  containerdVersion: "2.1.9",
} as const;

interface Talk {
  readonly feed: ScriptedFeed;
  readonly link: FeedLink;
  readonly news: FeedNews[];
  readonly logged: string[];
  readonly stream: () => FeedStream | undefined;
}

/** The transport of the agent with a server of another version. */
async function talk(
  t: TestContext,
  service: FeedDefinition,
  dress: (message: ServerMessage) => ServerMessage,
): Promise<Talk> {
  const ca = await createCa();
  const feed = await startScriptedFeed({
    server: await ca.issueServer(),
    clientCa: ca.cert,
    service,
    dress,
  });
  const { cert, key } = await ca.issueClient("node", { uri: "spiffe://example.org/node/n1" });
  const pair = { cert: Buffer.from(cert), key: Buffer.from(key), nodeId: "n1", notAfterMs: Date.now() + 1e6 };
  const news: FeedNews[] = [];
  const logged: string[] = [];
  let stream: FeedStream | undefined;
  const write = (_fields: object, message: string) => void logged.push(message);
  const link = followFeed({
    address: `127.0.0.1:${feed.port}`,
    credentials: async () => ({ ok: true, credentials: { ca: Buffer.from(ca.cert), pair } }),
    listener: {
      hello: async () => ({
        nodeId: "n1",
        instance: "01".repeat(16),
        bootId: "boot",
        agentVersion: "1.2.3",
        state: STATE,
        cached: [DIGEST],
        labels: {},
      }),
      opened(opened) {
        stream = opened;
      },
      received: (one) => void news.push(one),
      closed: () => undefined,
    },
    random: () => 0,
    clock: createClock(),
    log: { debug: write, info: write, warn: write, error: write },
    onChange: () => undefined,
  });
  t.after(async () => {
    await link.stop();
    await feed.stop();
  });
  return { feed, link, news, logged, stream: () => stream };
}

const REPORT: FeedReport = {
  assignmentId: "r1/1/apply",
  offeredDigest: DIGEST,
  phase: "soaked",
  state: STATE,
  items: [],
  atMs: 42,
};

const APPLY = {
  assignmentId: "r1/1/apply",
  mode: "MODE_APPLY",
  digest: Buffer.from(DIGEST, "hex"),
  envelope: Buffer.from("{}"),
  soakMs: 6,
} as const;

/** Names that only the later contract has. */
const later = (message: object): ServerMessage => message as ServerMessage;

test("an agent of today and a later feed: what is known holds, and the rest is skipped", async (t) => {
  const { feed, link, news, stream } = await talk(
    t,
    await loadContract(t, addToContract(contract)),
    addToMessage,
  );
  const there = await feed.nextStream();
  assert.equal(there.hello.protocol, 1);
  assert.equal(there.hello.state?.floorSerial, 3);
  await eventually(async () => stream() !== undefined, "Welcome");
  assert.equal(link.state().server?.id, "scripted-1");
  there.send(later({ later: { text: "a message that is not known" } }));
  there.send({ assignment: APPLY });
  there.send({ heartbeat: { timeMs: 1, engineAgeMs: 60_000 } });
  there.send({ needState: {} });
  await eventually(async () => news.length === 2, "the assignment and the question");
  const [assigned, asked] = news;
  assert.ok(assigned?.kind === "assignment");
  const { id, mode, digest, soakMs, envelope } = assigned.assignment;
  assert.deepEqual([id, mode, digest, soakMs], ["r1/1/apply", "apply", DIGEST, 6]);
  assert.deepEqual(envelope, new TextEncoder().encode("{}"));
  assert.equal(asked?.kind, "need-state");
  assert.ok((link.state().engineAgeMs ?? 0) >= 60_000);
  const seq = stream()?.send(REPORT);
  assert.equal((await there.report(() => true)).phase, "PHASE_SOAKED");
  await eventually(async () => news.length === 3, "the acknowledgement");
  assert.deepEqual(news[2], { kind: "ack", throughSeq: seq });
  const next = feed.nextStream();
  there.send({ goAway: { reconnectAfterMs: 0, spreadMs: 0, reason: "moving" } });
  await next;
  assert.equal(feed.streams.length, 2);
});

test("a mode that is not known is to hold, with a document and without", async (t) => {
  const { feed, news, stream } = await talk(t, await loadContract(t, addToContract(contract)), addToMessage);
  const there = await feed.nextStream();
  await eventually(async () => stream() !== undefined, "Welcome");
  there.send(later({ assignment: { ...APPLY, mode: "MODE_LATER" } }));
  there.send(later({ assignment: { assignmentId: "r1/2/later", mode: "MODE_LATER" } }));
  there.send({ assignment: { assignmentId: "r1/3/unspecified" } });
  await eventually(async () => news.length === 3, "three assignments");
  const modes = news.map((one) => one.kind === "assignment" && [one.assignment.id, one.assignment.mode]);
  assert.deepEqual(modes, [
    ["r1/1/apply", "hold"],
    ["r1/2/later", "hold"],
    ["r1/3/unspecified", "hold"],
  ]);
});

test("a feed that insists on a later protocol is not followed, and the agent says why", async (t) => {
  const { feed, link, news, logged } = await talk(
    t,
    await loadContract(t, addToContract(contract)),
    (message) => addToMessage(message.welcome ? { welcome: { ...message.welcome, protocol: 2 } } : message),
  );
  const there = await feed.nextStream();
  there.send({ assignment: APPLY });
  await eventually(async () => logged.some((line) => line.includes("another protocol than 1")), "why");
  assert.equal(link.state().isConnected, false);
  assert.deepEqual(news, []);
});

test("an agent of today and an earlier feed: what it does not say has its default", async (t) => {
  const taken = [
    ...["server_id", "server_version", "heartbeat_ms", "engine_age_ms", "need_state", "go_away"],
    ...["wave", "spread_ms", "report_by_ms", "needs_observed", "rollout_id", "labels"],
    ...["features", "cached", "conditions", "effective_digest", "PHASE_SOAKED", "SOURCE_FEED"],
  ];
  const earlier = takeFromContract(contract, taken);
  const { feed, link, news, stream } = await talk(t, await loadContract(t, earlier), (message) => message);
  const there = await feed.nextStream();
  assert.equal(there.hello.nodeId, "n1");
  assert.equal(there.hello.cached, undefined);
  await eventually(async () => stream() !== undefined, "Welcome");
  there.send({ assignment: APPLY });
  there.send({ heartbeat: { timeMs: 1 } });
  stream()?.send(REPORT);
  const report = await there.report(() => true);
  assert.equal(report.assignmentId, "r1/1/apply");
  await eventually(async () => news.length === 2, "the assignment and the acknowledgement");
  const [assigned] = news;
  assert.ok(assigned?.kind === "assignment");
  const { mode, spreadMs, reportByMs, needsObserved, rolloutId } = assigned.assignment;
  assert.deepEqual([mode, spreadMs, reportByMs, needsObserved, rolloutId], ["apply", 0, 0, false, ""]);
  assert.equal(link.state().isConnected, true);
});
