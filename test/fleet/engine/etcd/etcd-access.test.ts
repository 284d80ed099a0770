import assert from "node:assert/strict";
import { request } from "node:https";
import { text as readText } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import type { EngineNotice } from "../../../../src/fleet/engine/engine.ts";
import type { EngineError } from "../../../../src/fleet/engine/engine-error.ts";
import { describeOldVersion } from "../../../../src/fleet/engine/etcd/check-version.ts";
import { type LabEtcd, startEtcd } from "../../../support/etcd.ts";
import { findFreePort } from "../../../support/free-port.ts";
import { partSkipReason } from "../../../support/lab-parts.ts";
import { createCa } from "../../../support/tls.ts";
import { eventually, get, put } from "../engine-words.ts";
import { openEtcd } from "../open-engine.ts";

const options = { timeout: 240_000, skip: partSkipReason("etcd") ?? false };

test("over TLS both sides are checked", options, async (t) => {
  const [ca, other] = await Promise.all([createCa(), createCa("other CA")]);
  const [server, client, stranger] = await Promise.all([
    ca.issueServer(),
    ca.issueClient("feed"),
    other.issueClient("feed"),
  ]);
  const etcd = await startEtcd({ tls: { ...server, clientCa: ca.cert } });
  t.after(etcd.stop);
  const open = (trusted: string, pair: { readonly cert: string; readonly key: string }) => {
    const [cert, key] = [Buffer.from(pair.cert), Buffer.from(pair.key)];
    return openFor(t, etcd, { tls: () => ({ ca: Buffer.from(trusted), cert, key }) });
  };
  const engine = await open(ca.cert, client);
  await engine.txn({ success: [put("a", "1")] });
  for (const [trusted, pair, why] of [
    [other.cert, client, /: its certificate is not signed by a CA in etcd\.ca \(/],
    [ca.cert, stranger, /: it does not accept the certificate in etcd\.cert, /],
  ] as const) {
    const refused = await open(trusted, pair);
    await assert.rejects(refused.list("a", { timeoutMs: 1_500 }), {
      code: "unavailable",
      applied: "no",
      message: why,
    });
    await assert.rejects(refused.txn({ success: [put("a", "2")] }, { timeoutMs: 1_500 }), {
      code: "unavailable",
    });
  }
  assert.equal((await engine.list("a")).entries.length, 1);
  const elsewhere = await startEtcd({ tls: await ca.issueServer({ hosts: ["etcd.example"] }) });
  t.after(elsewhere.stop);
  const named = await openFor(t, elsewhere, { tls: () => ({ ca: Buffer.from(ca.cert) }) });
  await assert.rejects(named.list("a", { timeoutMs: 1_500 }), {
    message: /: its certificate is for other names: .*127\.0\.0\.1/,
  });
});

test("a user may do what is allowed, and goes on when its token is forgotten", options, async (t) => {
  const ca = await createCa();
  const etcd = await startEtcd({ tls: await ca.issueServer() });
  t.after(etcd.stop);
  const tls = () => ({ ca: Buffer.from(ca.cert) });
  await allowFeed(etcd.endpoints[0] ?? "", ca.cert);
  const login = { user: "feed", password: "correct horse" };
  const engine = await openFor(t, etcd, { tls, login });
  const { revision } = await engine.txn({ success: [put("fleet/a", "1")] });
  const told: number[] = [];
  const stopping = new AbortController();
  t.after(() => stopping.abort());
  void engine.watch("fleet/", {
    after: revision,
    signal: stopping.signal,
    onChanges: (_, at) => told.push(at),
  });
  await assert.rejects(engine.list("secret/"), { code: "denied" });
  await assert.rejects(
    engine.watch("secret/", { after: revision, signal: stopping.signal, onChanges: () => undefined }),
    { code: "denied" },
  );
  // Simple tokens live in the member's memory.
  await etcd.members[0]?.kill("SIGKILL");
  await etcd.members[0]?.start();
  // The connection breaks too, maybe under the first one.
  const isWritten = () =>
    engine.txn({ success: [put("fleet/a", "2")] }).then(
      () => true,
      ({ applied }: EngineError) => {
        assert.equal(applied, "unknown");
        return false;
      },
    );
  await eventually(isWritten, "it writes again");
  await eventually(() => told.length > 0, "the watch goes on too");
  const wrong = await openFor(t, etcd, { tls, login: { ...login, password: "hunter2" } });
  await assert.rejects(wrong.list("fleet/"), (error: Error) => {
    assert.match(error.message, /authentication failed/);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
});

test("a member that is down is passed over", options, async (t) => {
  const etcd = await startEtcd();
  t.after(etcd.stop);
  const notices: EngineNotice[] = [];
  const endpoints = [`http://127.0.0.1:${await findFreePort()}`, ...etcd.endpoints];
  const engine = await openEtcd({ endpoints, onNotice: (notice) => notices.push(notice) });
  t.after(() => engine.close());
  await engine.txn({ success: [put("a", "1")] });
  assert.equal((await engine.txn({ success: [get("a")] })).gets.length, 1);
  assert.deepEqual(notices, [], "and the version of the other is fine");
});

test(
  "without any member a call ends in time, and a change that was not sent was not made",
  options,
  async (t) => {
    const engine = await openEtcd({ endpoints: [`http://127.0.0.1:${await findFreePort()}`] });
    t.after(() => engine.close());
    await assert.rejects(engine.txn({ success: [put("a", "1")] }, { timeoutMs: 500 }), {
      code: "unavailable",
      applied: "no",
    });
    assert.equal(engine.ageMs(), Number.POSITIVE_INFINITY);
  },
);

test("a change that a frozen member has been sent is in doubt", options, async (t) => {
  const etcd = await startEtcd();
  const [member] = etcd.members;
  t.after(async () => {
    await member?.kill("SIGCONT");
    await etcd.stop();
  });
  const engine = await openEtcd({ endpoints: etcd.endpoints });
  t.after(() => engine.close());
  await engine.list("a");
  await member?.kill("SIGSTOP");
  await assert.rejects(engine.txn({ success: [put("a", "1")] }, { timeoutMs: 500 }), {
    code: "timeout",
    applied: "unknown",
  });
  await assert.rejects(engine.list("a", { timeoutMs: 500 }), { applied: "no" });
});

test("options that cannot work are refused at once", async () => {
  const login = { user: "feed", password: "hunter2" };
  for (const wrong of [
    { endpoints: [] },
    { endpoints: ["127.0.0.1:2379"] },
    { endpoints: ["http://127.0.0.1"] },
    { endpoints: ["http://user@127.0.0.1:2379"] },
    { endpoints: ["http://127.0.0.1:2379/v3"] },
    { endpoints: ["http://127.0.0.1:2379", "https://127.0.0.1:2380"] },
    { endpoints: ["http://127.0.0.1:2379"], tls: () => ({}) },
    { endpoints: ["http://127.0.0.1:2379"], login },
  ])
    await assert.rejects(openEtcd(wrong), TypeError);
});

test("versions whose watches are known to lose changes are named", () => {
  for (const old of ["3.4.45", "3.5.17", "3.5.0", "2.3.8"])
    assert.match(describeOldVersion(old) ?? "", /3\.5\.18/);
  for (const fine of ["3.5.18", "3.5.30", "3.6.0", "3.6.14", "4.0.0", "3.6.0-rc.1"])
    assert.equal(describeOldVersion(fine), undefined);
});

async function openFor(t: TestContext, etcd: LabEtcd, more: Partial<Parameters<typeof openEtcd>[0]>) {
  const engine = await openEtcd({ endpoints: etcd.endpoints, ...more });
  t.after(() => engine.close());
  return engine;
}

/** A user that may read and write below fleet/, and authentication switched on. */
async function allowFeed(endpoint: string, ca: string): Promise<void> {
  const post = (path: string, body: object) => postOverTls(`${endpoint}/v3/auth/${path}`, body, ca);
  const [key, rangeEnd] = ["fleet/", "fleet0"].map((word) => Buffer.from(word).toString("base64"));
  for (const [name, password] of [
    ["root", "root password"],
    ["feed", "correct horse"],
  ] as const) {
    await post("role/add", { name });
    await post("user/add", { name, password });
    await post("user/grant", { user: name, role: name });
  }
  await post("role/grant", { name: "feed", perm: { permType: "READWRITE", key, range_end: rangeEnd } });
  await post("enable", {});
}

function postOverTls(url: string, body: object, ca: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", ca, agent: false, timeout: 5_000 }, (response) => {
      readText(response).then((answer) => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`${url}: ${answer}`));
      }, reject);
    });
    sent.on("error", reject);
    sent.end(JSON.stringify(body));
  });
}
