import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Client, credentials, status } from "@grpc/grpc-js";
import { NONE_DENIED } from "../../../src/fleet/server/denied-list.ts";
import { keepFilesCurrent, loadFeedFiles } from "../../../src/fleet/server/keep-files-current.ts";
import { OLD } from "../../core/fleet/support/fleet.ts";
import { scratch } from "../../host/scratch.ts";
import { createCa } from "../../support/tls.ts";
import { eventually } from "../engine/engine-words.ts";
import { connectNode, feedClient } from "./support/feed-node.ts";
import { certificatesOf, testFleet, writeTestChannel } from "./support/feed-words.ts";

test("a stolen certificate is of no use for another id, and a Hello cannot lie about it", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve();
  const liar = await connectNode(t, fleet, server.port, "n2", { certificateOf: "n1" });
  await liar.until(({ ended }) => ended() !== undefined, "it is turned away");
  assert.equal(liar.ended()?.code, status.PERMISSION_DENIED);
  assert.deepEqual(liar.received, []);
});

test("without a certificate of the fleet's authority nobody gets in", async (t) => {
  const fleet = await testFleet(t);
  const server = await fleet.serve();
  const other = await createCa("another");
  const stranger = await other.issueClient("n1", { uri: "spiffe://prod/node/n1" });
  const ca = Buffer.from(fleet.ca.cert);
  const old = await fleet.ca.issueClient("n1", { uri: "spiffe://prod/node/n1", expired: true });
  const told = (): readonly string[] =>
    server.events.flatMap((event) =>
      event.kind === "stream-refused"
        ? [`${event.why} ${event.peer.replace(/\d+$/, "")} ${event.message}`]
        : [],
    );
  const ways = [
    [credentials.createSsl(ca), /^certificate 127\.0\.0\.1: it shows no certificate$/],
    [
      credentials.createSsl(ca, Buffer.from(stranger.key), Buffer.from(stranger.cert)),
      /^certificate 127\.0\.0\.1: its certificate is not signed by a CA in feed\.ca /,
    ],
    [
      credentials.createSsl(ca, Buffer.from(old.key), Buffer.from(old.cert)),
      /^certificate 127\.0\.0\.1: its certificate has expired$/,
    ],
    [credentials.createInsecure(), undefined],
  ] as const;
  for (const [way, why] of ways) {
    const client = new Client(`127.0.0.1:${server.port}`, way, { "grpc.initial_reconnect_backoff_ms": 100 });
    const failed = await new Promise<boolean>((resolve) => {
      const identity = (bytes: Buffer) => bytes;
      const options = { deadline: Date.now() + 3_000 };
      const path = "/mirrorlet.feed.v1.Feed/Fetch";
      client.makeUnaryRequest(path, identity, identity, Buffer.alloc(0), options, (error) =>
        resolve(error !== null),
      );
    });
    client.close();
    assert.ok(failed);
    if (why !== undefined) await eventually(() => told().some((one) => why.test(one)), String(why));
  }
  assert.equal(server.facts().streams, 0);
});

test("a certificate of another trust domain is turned away, and the node is told what is wanted", async (t) => {
  const fleet = await testFleet(t);
  const server = await fleet.serve({ trustDomain: "staging" });
  const node = await connectNode(t, fleet, server.port, "n1");
  await node.until(({ ended }) => ended() !== undefined, "it is turned away");
  assert.match(node.ended()?.details ?? "", /spiffe:\/\/staging\/node\/<id>.*its domain is prod/);
});

test("a node that is denied is turned away, and its stream ends at once", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const server = await fleet.serve();
  const [bad, good] = await Promise.all(
    ["n1", "n2"].map((id) => connectNode(t, fleet, server.port, id, { running: OLD })),
  );
  await bad?.until(({ received }) => received.length > 0, "it is welcome");
  await good?.until(({ received }) => received.length > 0, "it is welcome");
  server.useDenied({ ...NONE_DENIED, nodes: new Set(["n1"]) });
  await bad?.until(({ ended }) => ended() !== undefined, "its stream ends");
  assert.equal(bad?.ended()?.code, status.PERMISSION_DENIED);
  assert.equal(good?.ended(), undefined);
  const again = await connectNode(t, fleet, server.port, "n1");
  await again.until(({ ended }) => ended() !== undefined, "it is turned away");
  assert.equal(again.ended()?.code, status.PERMISSION_DENIED);
});

test("certificates are exchanged under a stream; half of a pair changes nothing", async (t) => {
  const fleet = await testFleet(t);
  await writeTestChannel(fleet.store);
  const directory = scratch(t);
  const [ca, cert, key] = ["ca", "cert", "key"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  const paths = { ca, cert, key, denied: join(directory, "denied") };
  const put = async (pair: { readonly cert: string; readonly key: string }): Promise<void> => {
    await writeFile(key, pair.key);
    await writeFile(cert, pair.cert);
  };
  await writeFile(ca, fleet.ca.cert);
  await put(await fleet.ca.issueServer());
  const loaded = await loadFeedFiles(paths);
  assert.ok(loaded.ok);
  const server = await fleet.serve({ certificates: loaded.certificates });
  const told: string[] = [];
  const files = keepFilesCurrent({
    paths,
    loaded,
    everyMs: 3_600_000,
    onCertificates(next) {
      told.push("exchanged");
      server.useCertificates(next);
    },
    onDenied: (list) => told.push(`denied ${[...list.nodes].join()}`),
    onRefused: (message) => told.push(message),
  });
  t.after(() => files.close());
  const before = await connectNode(t, fleet, server.port, "n1", { running: OLD });
  await before.until(({ received }) => received.length > 0, "it is welcome");

  const next = await fleet.ca.issueServer({ ends: new Date(Date.now() + 3_600_000) });
  await writeFile(cert, next.cert);
  await files.look();
  assert.match(
    told.at(-1) === "denied " ? (told.at(-2) ?? "") : (told.at(-1) ?? ""),
    /feed\.key does not belong/,
  );
  const between = await connectNode(t, fleet, server.port, "n2", { running: OLD });
  await between.until(({ received }) => received.length > 0, "the pair before serves on");

  await put(next);
  await writeFile(paths.denied, "n9\n");
  await files.look();
  assert.ok(told.includes("exchanged"));
  assert.ok(told.includes("denied n9"));
  await rm(paths.denied);
  await files.look();
  assert.match(told.at(-1) ?? "", /denied is gone; what it denied before stays denied/);
  const client = await feedClient(fleet, server.port, "n3");
  t.after(() => client.close());
  const after = await connectNode(t, fleet, server.port, "n3", { running: OLD });
  await after.until(({ received }) => received.length > 0, "the new pair serves");
  await delay(50);
  assert.equal(before.ended(), undefined);
  assert.deepEqual(
    certificatesOf(fleet.ca, next).certEndsMs,
    await loadFeedFiles(paths).then((one) => (one.ok ? one.certificates.certEndsMs : 0)),
  );
});
