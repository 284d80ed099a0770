import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { writeSignedState } from "../../src/core/signing/signed-state.ts";
import { formatInlineKey } from "../../src/core/signing/trusted-keys.ts";
import { putBundle } from "../../src/fleet/store/bundles.ts";
import { readFleet } from "../../src/fleet/store/read-fleet.ts";
import type { Assignment } from "../../src/shared/feed/generated/mirrorlet/feed/v1/Assignment.ts";
import { DAY, envelopeOf, sha256, signDocument, signedState, testKey } from "../core/signing/sign.ts";
import { testFleet, writeTestChannel } from "../fleet/server/support/feed-words.ts";
import { forEachGeneration } from "../support/containerd.ts";
import { findFreePort } from "../support/free-port.ts";
import { buildImage } from "../support/image.ts";
import { labSkipReason } from "../support/lab-parts.ts";
import { type ScriptedFeed, type ScriptedStream, startScriptedFeed } from "../support/scripted-feed.ts";
import { createCa, type LabCa, type LabCertificate } from "../support/tls.ts";
import { type LabNode, prepareNode } from "./support/lab-node.ts";
import { native } from "./support/site.ts";
import { startWitnessSite, type WitnessSite } from "./support/witness-site.ts";

let site: WitnessSite;
let ca: LabCa;
let server: LabCertificate;
const anna = testKey(1);

before(async () => {
  if (labSkipReason() !== undefined) return;
  site = await startWitnessSite(["gcr.io"]);
  ca = await createCa("fleet CA");
  server = await ca.issueServer();
});

after(() => site?.stop());

async function fedNode(
  daemon: Parameters<typeof prepareNode>[0],
  port: number,
  { ca: feedCa, cert, key }: LabCertificate & { readonly ca: string },
): Promise<LabNode> {
  const node = await prepareNode(daemon, { settings: { preflight: '"off"' } });
  const [caPath, certPath, keyPath] = [
    await node.put("feed-ca.pem", feedCa),
    await node.put("feed.pem", cert),
    await node.put("feed.key", key),
  ];
  const key64 = formatInlineKey(anna.raw);
  const more = `[feed]
address = "127.0.0.1:${port}"
ca = ${JSON.stringify(caPath)}
cert = ${JSON.stringify(certPath)}
key = ${JSON.stringify(keyPath)}
[trust]
keys = [${JSON.stringify(key64)}]
[node]
id = "n1"
fleet = "prod"
`;
  await writeFile(node.agentToml, `${await readFile(node.agentToml, "utf8")}${more}`);
  return node;
}

function sign(serial: number, endpoint: string): { readonly digest: Buffer; readonly envelope: Buffer } {
  const desiredState = native([{ endpoint, hosts: ["gcr.io"] }]);
  const state = signedState({ serial, floorSerial: 10, expiresMs: Date.now() + 30 * DAY, desiredState });
  const digest = sha256(envelopeOf(writeSignedState(state), [anna]).payload);
  return { digest: Buffer.from(digest, "hex"), envelope: Buffer.from(signDocument(state, [anna])) };
}

const assign = (stream: ScriptedStream, assignmentId: string, assignment: Assignment): void =>
  stream.send({
    assignment: { assignmentId, mode: "MODE_APPLY", spreadMs: 0, reportByMs: 120_000, ...assignment },
  });

const answered = (id: string, phase: string) => (report: { assignmentId: string; phase: unknown }) =>
  report.assignmentId === id && report.phase === phase;

let images = 0;

function publish(): string {
  const repository = `fed/n${++images}`;
  const image = buildImage({ layers: 1 });
  site.upstream.put(repository, "1", image);
  site.mirror.put(repository, "1", image);
  return `gcr.io/${repository}:1`;
}

forEachGeneration(
  "a fleet's feed: preflight, in force, observed, soaked; its loss changes nothing; a mirror that does not serve is left again",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    const port = await findFreePort();
    const pair = await ca.issueClient("n1", { uri: "spiffe://example.org/node/n1" });
    const node = await fedNode(daemon, port, { ...pair, ca: ca.cert });
    const start = (): Promise<ScriptedFeed> => startScriptedFeed({ server, clientCa: ca.cert, port });
    let feed = await start();
    context.after(() => feed.stop());
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await agent.until("the feed", async () => feed.streams.length > 0);
    const first = feed.streams[0] as ScriptedStream;
    assert.equal(first.hello.state?.runningDigest.length, 0);
    assert.equal((await agent.readyz()).status, 503);

    const good = sign(12, site.mirror.url);
    assign(first, "r1/1/preflight", { ...good, mode: "MODE_PREFLIGHT" });
    const preflight = await first.report(answered("r1/1/preflight", "PHASE_PREFLIGHT_OK"));
    assert.equal(preflight.state?.runningDigest.length, 0);
    // What this stream has brought is not sent again.
    assign(first, "r1/1/apply", { digest: good.digest, soakMs: 1_000, needsObserved: true });
    await first.report(answered("r1/1/apply", "PHASE_APPLIED"));
    site.clear();
    await daemon.pull(publish());
    assert.deepEqual(site.contacts(), []);
    const observed = await first.report(answered("r1/1/apply", "PHASE_OBSERVED"));
    assert.match(observed.items[0]?.evidence ?? "", /^(?:trace|witness|canary|log)$/);
    const soaked = await first.report(answered("r1/1/apply", "PHASE_SOAKED"));
    assert.deepEqual(soaked.state?.runningDigest, good.digest);
    await agent.until("the floor", async () => (await agent.metric("mirrorlet_config_floor_serial")) === 10);
    assert.equal(await agent.metric("mirrorlet_feed_connected"), 1);

    // Nobody of the fleet is there any more, and the agent dies as well.
    await feed.stop();
    await agent.until("the loss", async () => (await agent.metric("mirrorlet_feed_connected")) === 0);
    await agent.kill();
    const next = await node.startAgent();
    context.after(() => next.stop());
    await next.until("the first pass", async () => (await next.readyz()).status === 200);
    site.clear();
    await daemon.pull(publish());
    assert.deepEqual(site.contacts(), []);
    const alone = await node.run("status", "--set", `http.address=${next.address}`);
    assert.match(alone.stdout, /feed 127\.0\.0\.1:\d+: no connection for .*what is in force stays/);
    assert.match(alone.stdout, /feed: serial 12 \([0-9a-f]{12}\) is its choice for this node/);

    feed = await start();
    await next.until("the feed", async () => feed.streams.length > 0);
    const second = feed.streams[0] as ScriptedStream;
    assert.deepEqual(second.hello.state?.runningDigest, good.digest);
    assert.deepEqual(second.hello.cached, [good.digest]);
    const bad = sign(13, `http://127.0.0.1:${await findFreePort()}`);
    assign(second, "r2/1/apply", { ...bad, soakMs: 600_000 });
    await second.report(answered("r2/1/apply", "PHASE_APPLIED"));
    const pulls = setInterval(() => void daemon.pull(publish()).catch(() => undefined), 500);
    context.after(() => clearInterval(pulls));
    const reverted = await second.report(answered("r2/1/apply", "PHASE_REVERTED"));
    clearInterval(pulls);
    assert.equal(reverted.error?.code, "verdict-bypassed");
    assert.deepEqual(reverted.state?.runningDigest, good.digest);
    await new Promise((resolve) => setTimeout(resolve, 500));
    site.clear();
    await daemon.pull(publish());
    assert.deepEqual(site.contacts(), []);

    // A document that nobody trusted has signed, from a feed that has been taken over.
    const state = signedState({
      serial: 14,
      desiredState: native([{ endpoint: "http://127.0.0.1:9", hosts: ["gcr.io"] }]),
    });
    const forged = signDocument(state, [testKey(7)]);
    const digest = Buffer.from(sha256(envelopeOf(writeSignedState(state), [testKey(7)]).payload), "hex");
    assign(second, "evil", { digest, envelope: Buffer.from(forged) });
    const refused = await second.report(answered("evil", "PHASE_REJECTED"));
    assert.equal(refused.error?.code, "signature-insufficient");
    assert.deepEqual(refused.state?.runningDigest, good.digest);
  },
);

test("with the feed server itself: a node gets the stable state, says so durably, and outlives the server", {
  skip: labSkipReason() ?? false,
}, async (t) => {
  const fleet = await testFleet(t);
  const good = sign(12, site.mirror.url);
  const digest = good.digest.toString("hex");
  await putBundle(fleet.store, digest, good.envelope);
  await writeTestChannel(fleet.store, { stable: { digest, serial: 12 } });
  const listen = { host: "127.0.0.1", port: await findFreePort() };
  const first = await fleet.serve({ listen });
  const daemon = await site.daemons.get("2.1");
  const { cert, key } = await fleet.issue("n1");
  const node = await fedNode(daemon, listen.port, { ca: fleet.ca.cert, cert, key });
  const agent = await node.startAgent();
  t.after(() => agent.stop());
  const statusOf = async () => (await readFleet(fleet.store)).status.get("n1")?.value;
  await agent.until("it is in force", async () => (await statusOf())?.offer?.phase === "applied");
  const status = await statusOf();
  assert.equal(status?.running?.digest, digest);
  assert.deepEqual([status?.source, status?.offer?.id], ["feed", "stable/stable/3"]);
  site.clear();
  await daemon.pull(publish());
  assert.deepEqual(site.contacts(), []);
  // A server that ends sends its nodes away, and they come to the next one at that address.
  await first.close();
  await agent.until("the loss", async () => (await agent.metric("mirrorlet_feed_connected")) === 0);
  await fleet.serve({ listen, times: { heartbeatMs: 1_000 } });
  await agent.until("the feed", async () => (await agent.metric("mirrorlet_feed_connected")) === 1);
  await agent.until("it is known there", async () => (await statusOf())?.connection !== undefined);
  assert.equal((await statusOf())?.running?.digest, digest);
  await agent.until(
    "a heartbeat",
    async () => (await agent.metric("mirrorlet_feed_engine_age_seconds")) >= 0,
  );
});
