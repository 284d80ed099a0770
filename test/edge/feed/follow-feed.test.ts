import assert from "node:assert/strict";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type {
  FeedListener,
  FeedNews,
  FeedReport,
  FeedState,
  FeedStream,
} from "../../../src/agent/feed/feed-messages.ts";
import { awayMs, backoffMs, type FeedLink, followFeed } from "../../../src/edge/feed/follow-feed.ts";
import { createCredentialReader } from "../../../src/edge/feed/read-feed-credentials.ts";
import { createClock } from "../../../src/host/clock.ts";
import { type ScriptedFeed, startScriptedFeed } from "../../support/scripted-feed.ts";
import { createCa, type LabCa, type LabCertificate } from "../../support/tls.ts";
import { WAIT_LIMIT_MS } from "../../support/wait-limit.ts";

const URI = "spiffe://example.org/node/n1";
const DIGEST = "ab".repeat(32);

interface Site {
  readonly directory: string;
  readonly ca: LabCa;
  readonly feed: ScriptedFeed;
  readonly server: LabCertificate;
  issue(uri?: string): Promise<LabCertificate>;
  put(pair: Partial<LabCertificate>): Promise<void>;
}

async function site(t: TestContext, heartbeatMs?: number): Promise<Site> {
  const directory = await mkdtemp(join(tmpdir(), "mirrorlet-feed-"));
  const ca = await createCa();
  const server = await ca.issueServer();
  const feed = await startScriptedFeed({ server, clientCa: ca.cert, ...(heartbeatMs && { heartbeatMs }) });
  t.after(async () => {
    await feed.stop();
    await rm(directory, { recursive: true });
  });
  await writeFile(join(directory, "ca.pem"), ca.cert);
  return {
    directory,
    ca,
    feed,
    server,
    issue: (uri = URI) => ca.issueClient("node", { uri }),
    async put({ cert, key }) {
      if (cert !== undefined) await replace(join(directory, "cert.pem"), cert);
      if (key !== undefined) await replace(join(directory, "key.pem"), key);
    },
  };
}

async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

const STATE = {
  floor: 3,
  rejections: [],
  source: "feed",
  registries: [],
  conditions: [],
  containerdVersion: "2.1.9",
} as const;

const REPORT: FeedReport = {
  assignmentId: "r1/1/apply",
  offeredDigest: DIGEST,
  phase: "rejected",
  state: {
    ...STATE,
    running: { digest: DIGEST, serial: 7, sinceMs: 5.5 },
    registries: [{ namespace: "gcr.io", verdict: "mirrored", evidence: "trace", lastPullMs: 1.25 }],
    rejections: [
      { digest: DIGEST, serial: 8, error: { code: "x", message: "y" }, atMs: 9, assignmentId: "a" },
    ],
  },
  error: { code: "signed-fleet", message: "it is for another fleet", item: "gcr.io", retriable: true },
  items: [{ namespace: "gcr.io", phase: "observed", evidence: "trace", latencyMs: 12 }],
  atMs: 42,
};

interface Agent {
  readonly link: FeedLink;
  readonly news: FeedNews[];
  readonly events: string[];
  readonly logged: string[];
  stream: FeedStream | undefined;
}

function agent(
  t: TestContext,
  { directory, feed }: Pick<Site, "directory" | "feed">,
  nodeId = "n1",
  port = feed.port,
  state: FeedState = STATE,
): Agent {
  const clock = createClock();
  const news: FeedNews[] = [];
  const events: string[] = [];
  const logged: string[] = [];
  const write = (_fields: object, message: string) => void logged.push(message);
  const listener: FeedListener = {
    hello: async () => ({
      nodeId,
      instance: "01".repeat(16),
      bootId: "boot",
      agentVersion: "1.2.3",
      state,
      cached: [DIGEST],
      labels: { class: "gpu" },
    }),
    opened(stream) {
      self.stream = stream;
      events.push("opened");
    },
    received: (one) => void news.push(one),
    closed: () => void events.push("closed"),
  };
  const link = followFeed({
    address: `127.0.0.1:${port}`,
    credentials: createCredentialReader(
      { ca: "/ca.pem", cert: "/cert.pem", key: "/key.pem", root: directory },
      nodeId,
      clock.now,
    ),
    listener,
    // Tries follow each other at once, as they would with luck.
    random: () => 0,
    clock,
    log: { debug: write, info: write, warn: write, error: write },
    onChange: () => undefined,
  });
  t.after(() => link.stop());
  const self: Agent = { link, news, events, logged, stream: undefined };
  return self;
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const limit = performance.now() + WAIT_LIMIT_MS;
  while (!isSo()) {
    assert.ok(performance.now() < limit, `${what} did not come`);
    await setTimeout(10);
  }
}

test("hello, a report and its acknowledgement, and what a server says, over mTLS by the contract", async (t) => {
  const here = await site(t);
  await here.put(await here.issue());
  const one = agent(t, here);
  const stream = await here.feed.nextStream();
  assert.equal(stream.names, `URI:${URI}`);
  const { nodeId, protocol, instance, payloadSchemas, state, cached, labels } = stream.hello;
  assert.deepEqual([nodeId, protocol, instance.toString("hex")], ["n1", 1, "01".repeat(16)]);
  assert.deepEqual(payloadSchemas, [1]);
  assert.equal(state?.source, "SOURCE_FEED");
  assert.deepEqual([stream.hello.containerdVersion, state?.containerdVersion], ["2.1.9", "2.1.9"]);
  assert.deepEqual(
    cached.map((digest) => digest.toString("hex")),
    [DIGEST],
  );
  assert.deepEqual(labels, { class: "gpu" });
  await until(() => one.stream !== undefined, "Welcome");
  assert.equal(one.link.state().server?.id, "scripted-1");
  const seq = one.stream?.send(REPORT);
  const report = await stream.report(() => true);
  assert.equal(report.phase, "PHASE_REJECTED");
  assert.deepEqual(
    [report.assignmentId, report.atMs, report.offeredDigest.toString("hex")],
    ["r1/1/apply", 42, DIGEST],
  );
  assert.deepEqual({ ...report.error }, { ...REPORT.error });
  assert.deepEqual(
    [report.state?.runningSerial, report.state?.floorSerial, report.state?.registries[0]?.lastPullMs],
    [7, 3, 1],
  );
  assert.equal(report.items[0]?.latencyMs, 12);
  await until(() => one.news.length === 1, "the acknowledgement");
  assert.deepEqual(one.news[0], { kind: "ack", throughSeq: seq });
  stream.send({ needState: {} });
  stream.send({ heartbeat: { timeMs: 1, engineAgeMs: 1500 } });
  stream.send({
    assignment: {
      assignmentId: "r1/1/apply",
      rolloutId: "r1",
      mode: "MODE_APPLY",
      digest: Buffer.from(DIGEST, "hex"),
      envelope: Buffer.from("{}"),
      spreadMs: 5,
      soakMs: 6,
      reportByMs: 7,
      needsObserved: true,
    },
  });
  await until(() => one.news.length === 3, "the assignment");
  assert.deepEqual(one.news[1], { kind: "need-state" });
  assert.deepEqual(one.news[2], {
    kind: "assignment",
    assignment: {
      id: "r1/1/apply",
      rolloutId: "r1",
      mode: "apply",
      digest: DIGEST,
      envelope: new TextEncoder().encode("{}"),
      spreadMs: 5,
      soakMs: 6,
      reportByMs: 7,
      needsObserved: true,
    },
  });
  assert.ok((one.link.state().engineAgeMs ?? 0) >= 1500);
});

test("what is too large for a message is shortened, Hello and reports, and the log says so once", async (t) => {
  const here = await site(t);
  await here.put(await here.issue());
  // Few letters, and many bytes.
  const conditions = Array.from({ length: 16 }, () => ({ type: "Reconciling", message: "語".repeat(8_000) }));
  const one = agent(t, here, "n1", here.feed.port, { ...STATE, conditions });
  const stream = await here.feed.nextStream();
  assert.ok(stream.hello.state?.conditions.every(({ message }) => message.length === 200));
  await until(() => one.stream !== undefined, "Welcome");
  const items = Array.from({ length: 256 }, (_, index) => ({
    namespace: `r${index}.example`,
    phase: "preflight-failed" as const,
    error: { code: "mirror-unreachable", message: "語".repeat(700) },
  }));
  for (let count = 0; count < 2; count++) one.stream?.send({ ...REPORT, items, atMs: count });
  const report = await stream.report(({ atMs }) => atMs === 1);
  assert.equal(report.items.length, 256);
  assert.ok(report.items.every(({ error }) => error?.code === "mirror-unreachable"));
  assert.ok(report.items.every(({ error }) => error?.message.length === 200));
  // Of Hello, and of what is another in reports.
  assert.equal(one.logged.filter((line) => line.includes("too long for a message of the feed")).length, 2);
  assert.equal(stream.isOver, false);
});

test("a server that dies is come back to, and so is one that asks to go away", async (t) => {
  const here = await site(t);
  await here.put(await here.issue());
  const one = agent(t, here);
  const first = await here.feed.nextStream();
  await until(() => one.events.length === 1, "Welcome");
  first.send({ heartbeat: { timeMs: 1, engineAgeMs: 60_000 } });
  const ageMs = () => one.link.state().engineAgeMs ?? 0;
  await until(() => ageMs() >= 60_000, "how old its view is");
  const before = ageMs();
  await here.feed.stop();
  await until(() => !one.link.state().isConnected, "the loss");
  const again = await startScriptedFeed({
    server: here.server,
    clientCa: here.ca.cert,
    port: here.feed.port,
  });
  t.after(() => again.stop());
  const stream = await again.nextStream();
  await until(() => one.events.length === 3, "Welcome");
  assert.ok(ageMs() > before, "until the other one says, it is as old as it was, and older");
  stream.send({ heartbeat: { timeMs: 1, engineAgeMs: 5 } });
  await until(() => ageMs() < 60_000, "the other one knows better");
  const next = again.nextStream();
  stream.send({ goAway: { reconnectAfterMs: 0, spreadMs: 0, reason: "moving" } });
  await next;
  await until(() => one.events.length === 5, "Welcome");
  assert.deepEqual(one.events, ["opened", "closed", "opened", "closed", "opened"]);
  assert.ok(stream.isOver);
});

test("a server that is silent behind a living connection is left", async (t) => {
  const here = await site(t, 1_000);
  await here.put(await here.issue());
  const one = agent(t, here);
  await here.feed.nextStream();
  await here.feed.nextStream();
  assert.match(one.logged.join("\n"), /no feed: the server is silent; what is in force stays/);
});

test("certificates are exchanged without losing the stream, and a torn pair never replaces a good one", async (t) => {
  const here = await site(t);
  const [first, second] = [await here.issue(), await here.issue()];
  await here.put(first);
  const one = agent(t, here);
  const stream = await here.feed.nextStream();
  await until(() => one.stream !== undefined, "Welcome");
  // The exchange is caught half way by a server that goes.
  await here.put({ cert: second.cert });
  one.stream?.send(REPORT);
  await stream.report(() => true);
  assert.equal(stream.isOver, false);
  const torn = here.feed.nextStream();
  stream.end();
  await torn;
  assert.match(one.link.state().stale ?? "", /do not belong together/);
  assert.match(one.logged.join("\n"), /the ones from before are used/);
  for (const broken of [
    { key: "" },
    { key: "-----BEGIN PRIVATE KEY-----\nhunter2\n" },
    { cert: "x", key: first.key },
  ]) {
    await here.put(broken);
    const next = here.feed.nextStream();
    here.feed.streams.at(-1)?.end();
    await next;
    assert.notEqual(one.link.state().stale, undefined);
  }
  assert.doesNotMatch(JSON.stringify([one.logged, one.link.state()]), /hunter2/);
  await here.put(second);
  const whole = here.feed.nextStream();
  here.feed.streams.at(-1)?.end();
  await whole;
  assert.equal(one.link.state().stale, undefined);
});

test("a certificate that says another node, or none, is not shown to anybody", async (t) => {
  const here = await site(t);
  await here.put(await here.issue("spiffe://example.org/node/n2"));
  const one = agent(t, here);
  await until(() => one.link.state().message !== "not connected yet", "the complaint");
  assert.match(one.link.state().message, /feed\.cert is of node n2, and this node is n1/);
  await here.put(await here.issue("spiffe://example.org/workload/n1"));
  await until(() => /names no node/.test(one.link.state().message), "the complaint");
  assert.equal(here.feed.streams.length, 0);
  await here.put(await here.issue());
  await until(() => here.feed.streams.length === 1, "a stream");
});

test("a server of another CA, or for another host, is not spoken to", async (t) => {
  const here = await site(t);
  await here.put(await here.issue());
  const stranger = await startScriptedFeed({
    server: await (await createCa("other")).issueServer(),
    clientCa: here.ca.cert,
  });
  const misnamed = await startScriptedFeed({
    server: await here.ca.issueServer({ hosts: ["other.example"] }),
    clientCa: here.ca.cert,
  });
  const elsewhere = await startScriptedFeed({
    server: await here.ca.issueServer({ hosts: ["127.0.0.2"] }),
    clientCa: here.ca.cert,
  });
  t.after(() => Promise.all([stranger.stop(), misnamed.stop(), elsewhere.stop()]));
  for (const [server, why] of [
    [stranger, /UNAVAILABLE: its certificate is not signed by a CA in feed\.ca/],
    [misnamed, /UNAVAILABLE: its certificate is for other names: .*127\.0\.0\.1 is not in/],
    [elsewhere, /UNAVAILABLE: its certificate is for other names: .*list: 127\.0\.0\.2/],
  ] as const) {
    const one = agent(t, here, "n1", server.port);
    await until(() => why.test(one.link.state().message), String(why));
    assert.equal(server.streams.length, 0);
    await one.link.stop();
  }
});

test("a node whose certificate is not taken is told so, and what is wrong with it", async (t) => {
  const here = await site(t);
  const other = await createCa("other");
  await here.put(await other.issueClient("node", { uri: URI }));
  const one = agent(t, here);
  const wanted = /UNAVAILABLE: it does not accept the certificate in feed\.cert/;
  await until(() => wanted.test(one.link.state().message), "the refusal");
  await one.link.stop();
  await here.put(await here.ca.issueClient("node", { uri: URI, expired: true }));
  const two = agent(t, here);
  await until(() => /feed\.cert has ended on 2020-02-01/.test(two.link.state().message), "the end");
});

test("nothing counts before Welcome, and noise in place of a feed ends in another try", async (t) => {
  const here = await site(t);
  await here.put(await here.issue());
  here.feed.answers = false;
  const one = agent(t, here);
  const stream = await here.feed.nextStream();
  stream.send({ needState: {} });
  stream.send({ heartbeat: { timeMs: 1, engineAgeMs: 1 } });
  stream.send({ welcome: { protocol: 9, serverId: "s", heartbeatMs: 1000 } });
  await until(() => /another protocol/.test(one.link.state().message), "the refusal");
  assert.deepEqual([one.news, one.events], [[], []]);
  assert.equal(one.link.state().engineAgeMs, undefined);
  const noise = await listenNoise(t);
  const two = agent(t, here, "n1", noise);
  await until(() => /UNAVAILABLE/.test(two.link.state().message), "the refusal");
});

async function listenNoise(t: TestContext): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.end("HTTP/1.1 200 OK\r\n\r\nhello");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { readonly port: number }).port;
}

test("tries are spread over twice as long a time each, up to a minute", () => {
  assert.deepEqual(
    [1, 2, 3, 5, 50].map((failures) => backoffMs(failures, 1)),
    [4_000, 8_000, 16_000, 60_000, 60_000],
  );
  assert.equal(backoffMs(5, 0.5), 30_000);
  assert.equal(backoffMs(5, 0), 100);
});

test("a server that sends away chooses when, but not at once for ever", () => {
  const least = () => 0;
  assert.equal(awayMs({ afterMs: 60_000, spreadMs: 60_000 }, 1, least), 60_000);
  assert.equal(
    awayMs({ afterMs: 2_000, spreadMs: 10_000 }, 1, () => 0.5),
    7_000,
  );
  assert.equal(awayMs({ afterMs: 0, spreadMs: 0 }, 1, least), 100);
  assert.equal(
    awayMs({ afterMs: 0, spreadMs: 0 }, 8, () => 0.5),
    30_000,
  );
});
