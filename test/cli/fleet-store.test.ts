import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { countOutRollout } from "../../src/core/fleet/count-out-rollout.ts";
import { DEFAULT_ROLLOUT } from "../../src/core/fleet/default-rollout.ts";
import type { RolloutState } from "../../src/core/fleet/rollout-state.ts";
import { putBundle } from "../../src/fleet/store/bundles.ts";
import { commit, type RecordWrite } from "../../src/fleet/store/commit.ts";
import type { FleetStore } from "../../src/fleet/store/fleet-store.ts";
import { readFleet } from "../../src/fleet/store/read-fleet.ts";
import { keyOf } from "../../src/fleet/store/record-name.ts";
import { NEW, OLD, sha256, specWith, stateWith, statusWith } from "../core/fleet/support/fleet.ts";
import type { Nature } from "../core/fleet/support/sim/agent.ts";
import { World } from "../core/fleet/support/sim/world.ts";
import { mirrorletEnvironment, mirrorletProgram, runMirrorlet } from "../e2e/support/mirrorlet.ts";
import { openJournal } from "../fleet/engine/open-engine.ts";
import { scratch } from "../host/scratch.ts";
import { startEtcd } from "../support/etcd.ts";
import { WAIT_LIMIT_MS } from "../support/wait-limit.ts";
import { bigFleet } from "./support/big-fleet.ts";
import { playWorld } from "./support/play-world.ts";

const STATE = "registryMirrors:\n- endpoint: https://mirror.example:5000\n  hosts: [quay.io]\n";

/** A fleet without servers, on a journal or elsewhere: what commands write, and what they make of it. */
async function workshop(t: TestContext, engine?: string) {
  const dir = scratch(t);
  const at = (file: string): string => join(dir, file);
  const address = engine ?? `journal:${at("journal")}`;
  const run = (...args: readonly string[]) =>
    runMirrorlet(["fleet", ...args, "--engine", address, "--fleet", "prod"]);
  const ok = async (...args: readonly string[]) => {
    const end = await run(...args);
    assert.equal(end.code, 0, `${args.join(" ")}: ${end.stderr}${end.stdout}`);
    return end;
  };
  const fails = async (code: number, words: RegExp, ...args: readonly string[]) => {
    const end = await run(...args);
    assert.equal(end.code, code, `${args.join(" ")}: ${end.stderr}${end.stdout}`);
    assert.match(end.stderr, words);
  };
  const json = async (...args: readonly string[]) => JSON.parse((await run(...args, "--json")).stdout);
  writeFileSync(at("state.yaml"), STATE);
  for (const name of ["anna", "ben"]) await runMirrorlet(["fleet", "keygen", "--out", at(`${name}.key`)]);
  const sign = async (serial: number, ...more: readonly string[]) => {
    const out = at(`s${serial}.json`);
    rmSync(out, { force: true });
    const file = at("state.yaml");
    const usual = ["--key", at("anna.key"), "--fleet", "prod", "--serial", `${serial}`, "-o", out];
    const end = await runMirrorlet(["fleet", "sign", file, ...usual, ...more]);
    assert.equal(end.code, 0, end.stderr);
    return out;
  };
  return { at, run, ok, fails, json, sign, dir };
}

async function journalOf(t: TestContext, dir: string): Promise<FleetStore> {
  const engine = await openJournal({ directory: join(dir, "journal") });
  t.after(() => engine.close());
  return { engine, fleet: "prod" };
}

async function begun(t: TestContext) {
  const shop = await workshop(t);
  await shop.ok("publish", await shop.sign(1), "--trust", shop.at("anna.key.pub"));
  writeFileSync(shop.at("nodes.txt"), "n1 class=cpu\nn2 class=gpu\nn3 class=cpu\n");
  await shop.ok("inventory", "import", shop.at("nodes.txt"));
  await shop.ok("rollout", "start");
  return shop;
}

test("publish: the first state makes the channel, the same once more is no harm, and nothing else takes its serial", async (t) => {
  const { at, ok, fails, sign, json } = await workshop(t);
  const first = await sign(1);
  const made = await ok("publish", first, "--trust", at("anna.key.pub"));
  assert.match(made.stdout, /^serial 1 \([0-9a-f]{12}\) of stable is published; stable is made/);
  assert.match((await ok("publish", first)).stderr, /no signature was checked/);
  writeFileSync(at("state.yaml"), STATE.replace("quay", "ghcr"));
  await fails(65, /stable has another state with serial 1/, "publish", await sign(1, "--expires", "1d"));
  await fails(
    65,
    /0 of the 1 signature.*nodes would refuse it/,
    "publish",
    first,
    "--trust",
    at("ben.key.pub"),
  );
  await fails(65, /signed-envelope/, "publish", at("anna.key.pub"));
  await fails(
    65,
    new RegExp(`^mirrorlet: ${at("absent.json")}:1:1: there is no`),
    "publish",
    at("absent.json"),
  );
  await fails(
    65,
    /the fleet has no channel edge, but stable: make it first/,
    "publish",
    await sign(2, "--channel", "edge"),
  );
  await ok("channel", "set", "edge", "--label", "class=edge");
  await ok("publish", at("s2.json"));
  const { channels } = await json("channel", "list");
  assert.deepEqual(
    channels.map(({ name, members }: { name: string; members: object }) => [name, members]),
    [
      ["edge", { labels: { class: ["edge"] } }],
      ["stable", {}],
    ],
  );
});

test("publish: signatures come to those that are there, and none is lost", async (t) => {
  const { at, run, ok, fails, sign } = await workshop(t);
  const both = ["--trust", at("anna.key.pub"), "--trust", at("ben.key.pub"), "--threshold", "2"];
  const half = await sign(1);
  await ok("publish", half);
  await fails(65, /1 of the 2 signatures that are needed/, "publish", half, ...both);
  const whole = at("whole.json");
  const ready = await sign(2);
  await ok("publish", ready);
  await ok("inventory", "set", "n1");
  await ok("override", "set", "n1", "--to", "2");
  await runMirrorlet(["fleet", "sign", ready, "--key", at("ben.key"), "-o", ready]);
  await fails(65, /it was handed out with fewer signatures already/, "publish", ready);
  await runMirrorlet(["fleet", "sign", half, "--key", at("ben.key"), "-o", whole]);
  assert.match((await ok("publish", whole, ...both)).stdout, /is published/);
  assert.equal((await run("publish", half)).code, 65, "Ben's would be lost");
  assert.match((await ok("publish", whole)).stdout, /was published already/);
});

test("rollout start: shows what it will do, and --dry-run writes nothing", async (t) => {
  const { at, ok, fails, json, sign } = await workshop(t);
  // So that there is a journal.
  await ok("inventory", "set", "n9");
  await ok("inventory", "remove", "n9");
  await fails(1, /the fleet has no channel: publish a state first/, "rollout", "start");
  await ok("publish", await sign(1));
  await fails(1, /no node is known of its scope/, "rollout", "start");
  writeFileSync(at("nodes.txt"), "n1 class=cpu\nn2 class=gpu\nn3 class=cpu\n");
  await ok("inventory", "import", at("nodes.txt"));
  const dry = await ok("rollout", "start", "--dry-run");
  assert.match(
    dry.stdout,
    /^stable-1: serial 1 \([0-9a-f]{12}\)\nfor 3 nodes of stable \(all nodes\), 0 connected$/m,
  );
  assert.match(dry.stdout, /^ {2}canary +2 +200 +10m +0 +n\d, n2$|^ {2}canary +2 +200 +10m +0 +n2, n3$/m);
  assert.deepEqual((await json("channel", "list")).channels.length, 1);
  await fails(2, /there was no rollout yet/, "rollout", "status");
  writeFileSync(at("r.yaml"), "kind: Rollout\napiVersion: mirrorlet/v1\nwaves: [{pick: {percent: 50}}]\n");
  await fails(65, /r\.yaml:3:\d+: the last wave does not take everybody/, "rollout", "start", at("r.yaml"));
  writeFileSync(at("r.yaml"), "kind: Rollout\napiVersion: mirrorlet/v1\nid: first\nsoak: 10s\n");
  await ok("rollout", "start", at("r.yaml"), "--by", "ann");
  const { rollouts } = await json("rollout", "status");
  assert.deepEqual(
    rollouts.map(({ spec, state, waits }: Record<string, Record<string, unknown>>) => [
      spec?.["id"],
      spec?.["soakMs"],
      spec?.["createdBy"],
      state?.["phase"],
      waits,
    ]),
    [["first", 10_000, "ann", "preflight", "nobody-connected"]],
  );
  await fails(
    1,
    /the rollout first \(preflight\) has nodes of the same scope.*\n.*no rollout was begun/,
    "rollout",
    "start",
  );
});

test("rollout start: a name is used once, also where its rollout was pruned or is another channel's", async (t) => {
  const { ok, fails, sign, dir } = await workshop(t);
  await ok("publish", await sign(1));
  const store = await journalOf(t, dir);
  await commit(
    store,
    [],
    [
      { notePruned: "old" },
      { kind: "inventory", id: "n1", value: { labels: {} } },
      { kind: "spec", id: "other", value: specWith({ id: "other", channel: "edge" }) },
      { kind: "state", id: "other", value: stateWith({ phase: "done" }) },
    ],
  );
  for (const id of ["old", "other"])
    await fails(1, new RegExp(`there has been a rollout ${id} already`), "rollout", "start", "--id", id);
  await ok("rollout", "start", "--id", "new");
});

test("an operator's commands, and what is refused says what can be done instead", async (t) => {
  const { ok, fails, json } = await begun(t);
  const state = async (): Promise<RolloutState> => (await json("rollout", "status")).rollouts[0].state;
  await fails(1, /stable-1 is neither paused nor halted/, "rollout", "resume");
  await fails(1, /there is no rollout other/, "rollout", "halt", "other");
  await fails(64, /room for 200 characters/, "rollout", "halt", "--reason", "x".repeat(201));
  await ok("rollout", "pause", "--reason", "lunch", "--by", "ann");
  assert.deepEqual([(await state()).paused?.by, (await state()).paused?.reason], ["ann", "lunch"]);
  await ok("rollout", "resume", "stable-1");
  assert.equal((await state()).paused, undefined);
  await ok("rollout", "expedite");
  assert.match((await ok("rollout", "halt", "--reason", "smoke")).stdout, /^stable-1 is halted: /);
  assert.match((await state()).halted?.message ?? "", /^halted by .*@.*: smoke$/);
  await fails(1, /stable-1 is the first of its channel: there is nothing to go back to/, "rollout", "revert");
  await ok("rollout", "retry");
  assert.equal((await state()).attempt, 2);
  await ok("rollout", "halt");
  assert.match(
    (await ok("rollout", "start", "--supersedes", "stable-1", "--id", "next")).stdout,
    /^ends stable-1/m,
  );
  assert.deepEqual(
    (await json("status")).rollouts.map(({ id, state: { phase } }: { id: string; state: RolloutState }) => [
      id,
      phase,
    ]),
    [
      ["next", "preflight"],
      ["stable-1", "superseded"],
    ],
  );
  await fails(1, /stable-1 is over \(superseded\); start another/, "rollout", "pause", "stable-1");
});

test("override: set, shown with who and why, and cleared", async (t) => {
  const { ok, fails, json } = await begun(t);
  await fails(64, /--to SERIAL, or --hold/, "override", "set", "n1");
  await fails(1, /nobody has heard of a node n9/, "override", "set", "n1", "n9", "--hold");
  assert.deepEqual((await json("override", "list")).overrides, {}, "all or none");
  await fails(1, /has the serial or digest 7: there are serial 1/, "override", "set", "n1", "--to", "7");
  await ok("override", "set", "n1", "--to", "1", "--reason", "try it", "--by", "ann");
  await ok("override", "set", "n2", "--hold");
  const { n1, n2 } = (await json("override", "list")).overrides;
  assert.deepEqual([n1.bundle.serial, n1.by, n1.reason, n2.bundle], [1, "ann", "try it", undefined]);
  assert.match((await ok("override", "list")).stdout, /^n1 +\d+ s ago +ann +gets serial 1 \(.*\): try it$/m);
  assert.match((await ok("status", "n1")).stdout, /override +gets serial 1/);
  await ok("override", "clear", "n1", "n2");
  await fails(1, /n1 had no override/, "override", "clear", "n1");
});

test("inventory: what is listed can be imported, and nobody is forgotten by mistake", async (t) => {
  const { at, ok, fails, dir } = await begun(t);
  const store = await journalOf(t, dir);
  await commit(store, [], [{ kind: "status", id: "n4", value: statusWith({ node: "n4" }) }]);
  const listed = await ok("inventory", "list");
  assert.equal(listed.stdout, readFileSync(at("nodes.txt"), "utf8"));
  assert.match(listed.stderr, /Not in it, and so without labels: n4/);
  await ok("inventory", "set", "n1", "class=edge", "zone=a");
  await fails(64, /"edge" is no label/, "inventory", "set", "n1", "edge");
  writeFileSync(at("more.txt"), "n1 zone=a class=edge\nn5\n");
  assert.match(
    (await ok("inventory", "import", at("more.txt"))).stdout,
    /^1 node written, 1 node as before, 0 nodes taken out/,
  );
  writeFileSync(at("bad.txt"), "n1 class\nn2\n");
  await fails(65, /bad\.txt:1:1: .*\n.*as it was/, "inventory", "import", at("bad.txt"), "--replace");
  writeFileSync(at("bad.txt"), "# nobody\n");
  await fails(65, /would take out every node/, "inventory", "import", at("bad.txt"), "--replace");
  await ok("inventory", "import", at("more.txt"), "--replace");
  assert.equal((await ok("inventory", "list")).stdout, "n1 class=edge zone=a\nn5\n");
  await commit(store, [], [{ kind: "server", id: "s1", value: { version: "1", host: "h", startedMs: 0 } }]);
  await fails(1, /n4 is connected: stop its agent/, "inventory", "remove", "n4");
  await commit(store, [], [{ remove: { kind: "server", id: "s1" } }]);
  await ok("inventory", "remove", "n4", "n5");
  assert.deepEqual([...(await readFleet(store)).status.keys()], []);
});

test("a record that cannot be read is told, and no rollout begins over it", async (t) => {
  const { ok, run, fails, dir } = await begun(t);
  await ok("rollout", "halt");
  const store = await journalOf(t, dir);
  const key = keyOf("prod", { kind: "state", id: "stable-1" });
  await store.engine.txn({ success: [{ kind: "put", key, value: new TextEncoder().encode("{") }] });
  const status = await run("status");
  assert.equal(status.code, 1);
  assert.match(status.stdout, /rollouts\/stable-1\/state cannot be read, and is left out: .* is not JSON/);
  await fails(1, /stable-1\/state cannot be read/, "rollout", "start");
  await fails(1, /there is no rollout stable-1/, "rollout", "resume", "stable-1");
});

test("a channel that cannot be read stops itself alone, and channel set makes it anew by its rollouts", async (t) => {
  const { ok, fails, json, sign, dir } = await begun(t);
  const store = await journalOf(t, dir);
  const first = (await readFleet(store)).spec.get("stable-1")?.value.to;
  assert.ok(first);
  const gpu = { labels: { class: ["gpu"] } };
  const done = (generation: number) => stateWith({ phase: "done", generation });
  await commit(
    store,
    [],
    [
      { kind: "state", id: "stable-1", value: done(3) },
      { kind: "spec", id: "part", value: specWith({ id: "part", scope: gpu, to: NEW }) },
      { kind: "state", id: "part", value: done(5) },
    ],
  );
  await ok("channel", "set", "edge", "--nodes", "e1");
  await ok("inventory", "set", "e1");
  await ok("publish", await sign(1, "--channel", "edge"));
  await ok("publish", await sign(2));
  const key = keyOf("prod", { kind: "channel", id: "stable" });
  await store.engine.txn({ success: [{ kind: "put", key, value: new TextEncoder().encode("{") }] });
  const list = await ok("channel", "list");
  assert.match(list.stdout, /^stable +0 +in doubt: a record of it cannot be read +unknown$/m);
  await fails(
    1,
    /channels\/stable cannot be read.*no rollout of stable/,
    "rollout",
    "start",
    "--channel",
    "stable",
  );
  await ok("rollout", "start", "--channel", "edge");
  const mended = await ok("channel", "set", "stable", "--label", "class=cpu", "--label", "class=gpu");
  assert.match(
    mended.stderr,
    /stable could not be read, and is made anew by its rollouts \(stable: serial 1 /,
  );
  const { channels } = await json("channel", "list");
  const { stable, scoped, generation } = channels.find(({ name }: { name: string }) => name === "stable");
  assert.deepEqual([stable, scoped, generation], [first, [{ scope: gpu, ...NEW }], 6]);
  await ok("rollout", "start", "--channel", "stable");
});

test("of several channels one has to be named, and what is advised names it", async (t) => {
  const { at, ok, fails, sign } = await begun(t);
  await ok("rollout", "halt");
  await ok("channel", "set", "edge", "--nodes", "e1");
  await ok("inventory", "set", "e1");
  const published = await ok("publish", await sign(1, "--channel", "edge"));
  assert.match(published.stderr, /mirrorlet fleet rollout start --channel edge --to 1$/m);
  await fails(1, /say of which --channel, for the fleet has several: edge, stable/, "rollout", "start");
  writeFileSync(at("r.yaml"), "kind: Rollout\napiVersion: mirrorlet/v1\nchannel: edge\n");
  assert.match((await ok("rollout", "start", at("r.yaml"))).stdout, /^for 1 node of edge/m);
});

test("channel set says which nodes take something else at once; remove is for what was never used", async (t) => {
  const { ok, fails, json, sign, dir } = await begun(t);
  const store = await journalOf(t, dir);
  const { value } = (await readFleet(store)).channel.get("stable") ?? {};
  assert.ok(value);
  await commit(
    store,
    [],
    [{ kind: "channel", id: "stable", value: { ...value, stable: OLD, generation: 1 } }],
  );
  const dry = await ok("channel", "set", "stable", "--label", "class=cpu", "--dry-run");
  assert.match(
    dry.stdout,
    /^stable: 1 node at once: nothing \(of no channel\) instead of serial 7 of stable: n2$/m,
  );
  assert.match(dry.stderr, /Nothing was written/);
  assert.deepEqual((await json("channel", "list")).channels[0].members, {});
  const set = await ok("channel", "set", "stable", "--label", "class=cpu");
  assert.match(
    set.stderr,
    /warning: 1 node at once: nothing \(of no channel\) instead of serial 7 of stable/,
  );
  const back = await ok("channel", "set", "stable");
  assert.match(back.stderr, /warning: 1 node at once: serial 7 of stable instead of nothing .*: n2/);
  assert.match(back.stderr, /warning: stable-1 goes on for all nodes alone/);
  await ok("channel", "set", "egde", "--nodes", "n1");
  assert.match((await ok("channel", "remove", "egde")).stdout, /^egde is removed; the fleet has stable$/m);
  await fails(1, /there is no channel egde/, "channel", "remove", "egde");
  await fails(1, /stable has had rollouts, and is kept/, "channel", "remove", "stable");
  await ok("publish", await sign(2));
});

test("a stable state that expires is told, and no rollout goes back to one that has", async (t) => {
  const { at, run, ok, fails, json, sign, dir } = await begun(t);
  const store = await journalOf(t, dir);
  await ok("rollout", "halt");
  const soon = JSON.parse((await ok("publish", await sign(2, "--expires", "132h"), "--json")).stdout);
  const bundle = { digest: soon.digest, serial: 2 };
  const { value } = (await readFleet(store)).channel.get("stable") ?? {};
  assert.ok(value);
  const end = (state: Partial<RolloutState>, id = "stable-1"): RecordWrite => ({
    kind: "state",
    id,
    value: stateWith(state),
  });
  const setStable = (stable: typeof bundle): Promise<unknown> =>
    commit(
      store,
      [],
      [
        { kind: "channel", id: "stable", value: { ...value, stable, generation: 1 } },
        end({ phase: "done", generation: 1 }),
      ],
    );
  await setStable(bundle);
  const status = await run("status");
  assert.equal(status.code, 1);
  assert.match(status.stdout.replace(/\s+/g, " "), /serial 2, a stable state of stable, expires in 5 days/);
  assert.deepEqual((await json("channel", "list")).channels[0].ending.length, 1);
  // One that is over is not published: it became so since.
  const past = signedLongAgo(at("s2.json"));
  await putBundle(store, past.digest, past.bytes);
  await setStable({ digest: past.digest, serial: 3 });
  await ok("publish", await sign(4));
  const dry = await ok("rollout", "start", "--dry-run");
  assert.match(
    dry.stderr,
    /warning: serial 3, which 3 of its nodes have, has expired .*revert is no way out/,
  );
  await ok("rollout", "start");
  await commit(store, [], [end({ phase: "waves", wave: 1 }, "stable-4")]);
  await fails(
    1,
    /what 3 nodes would go back to has expired, .*: serial 3 \(2020-.*--channel stable --to SERIAL --supersedes stable-4/,
    "rollout",
    "revert",
  );
  assert.equal((await json("rollout", "status")).rollouts[0].state.phase, "waves");
  await commit(store, [], [end({ phase: "preflight" }, "stable-4")]);
  assert.match((await ok("rollout", "revert")).stdout, /stable-4 ends; no node had been told/);
});

/** The same document, as if it had been signed for a time that is over; nobody looks at its signature here. */
function signedLongAgo(file: string): { readonly digest: string; readonly bytes: Uint8Array } {
  const envelope = JSON.parse(readFileSync(file, "utf8"));
  const payload = JSON.parse(Buffer.from(envelope.payload, "base64").toString());
  const text = JSON.stringify({ ...payload, serial: 3, expires: "2020-01-01T00:00:00Z" });
  const bytes = Buffer.from(JSON.stringify({ ...envelope, payload: Buffer.from(text).toString("base64") }));
  return { digest: sha256(Buffer.from(text)), bytes };
}

test("status of two thousand nodes, from the engine", async (t) => {
  const { run, dir } = await workshop(t);
  const store = await journalOf(t, dir);
  const { view, channels, inventory } = bigFleet({}, 40, 2_000);
  const [channel] = channels;
  assert.ok(channel);
  const writes: RecordWrite[] = [
    { kind: "channel", id: "stable", value: channel.channel },
    ...channel.rollouts.flatMap(({ spec, state }): RecordWrite[] => [
      { kind: "spec", id: spec.id, value: spec },
      { kind: "state", id: spec.id, value: state },
    ]),
    ...[...inventory].map(([id, value]): RecordWrite => ({ kind: "inventory", id, value })),
    ...view.nodes.flatMap(({ id, status }): RecordWrite[] =>
      status ? [{ kind: "status", id, value: status }] : [],
    ),
    ...[1, 2, 3].map((n): RecordWrite => {
      return { kind: "server", id: `feed-${n}`, value: { version: "1", host: "h", startedMs: 0 } };
    }),
  ];
  for (let from = 0; from < writes.length; from += 100)
    await commit(store, [], writes.slice(from, from + 100));
  const { code, stdout } = await run("status");
  assert.equal(code, 1);
  assert.match(stdout, /^prod: 1,979 of 2,000 nodes connected, a rollout goes on/);
  const json = JSON.parse((await run("status", "--json")).stdout);
  assert.deepEqual(
    [json.schema, json.total, json.connected, json.isTrouble],
    ["mirrorlet.fleet-status/v1", 2_000, 1979, true],
  );
});

/** A fleet in a box, whose time begins now. */
function box(count: number, natureOf: (index: number) => Nature = () => "good"): World {
  const nodes = Array.from({ length: count }, (_, index) => ({
    id: `n${index}`,
    labels: { class: index % 3 === 2 ? "gpu" : "cpu" },
    nature: natureOf(index),
  }));
  const waves = DEFAULT_ROLLOUT.waves.map((wave) => ({ ...wave, bakeMs: 5_000 }));
  const draft = { ...DEFAULT_ROLLOUT, waves, spreadMs: 5_000, soakMs: 10_000 };
  const facts = { from: OLD, to: NEW, supersedes: [], createdMs: Date.now(), createdBy: "ann" };
  const spec = countOutRollout(draft, { ...facts, id: "stable-8", channel: "stable" }, nodes, sha256);
  const world = new World({
    spec,
    nodes,
    servers: 2,
    seed: 7,
    tickMs: 2000,
    events: [],
    lag: Number.POSITIVE_INFINITY,
  });
  world.nowMs = Date.now();
  world.store.txn({}, { state: { ...world.state, startedMs: world.nowMs } });
  return world;
}

async function watched(t: TestContext, world: World, ...more: readonly string[]) {
  const { run, dir } = await workshop(t);
  const tick = await playWorld(world, await journalOf(t, dir));
  const watching = run("rollout", "status", "--watch", ...more);
  let isOver = false;
  watching.finally(() => {
    isOver = true;
  });
  for (let count = 0; count < 600 && !isOver; count++) {
    await tick();
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  assert.ok(isOver, "it ends by itself");
  return watching;
}

test("--watch tells each wave, and ends with the rollout", async (t) => {
  const { code, stdout } = await watched(t, box(30));
  assert.equal(code, 0, stdout);
  const waves = stdout.match(/Z stable-8: wave \d .* is done.*/g) ?? [];
  assert.ok(waves.length > 1, stdout);
  for (const wave of waves) assert.match(wave, / \(100-percent\) is done$| is done: \d+ done$/);
  assert.match(stdout, /is done\n\d\d:\d\d:\d\dZ stable-8: done, /);
  assert.match(stdout, /\n\nstable-8: done, \d+ s ago\nto serial 8/);
});

test("--watch ends with a halt, with its evidence; --json is a document a line", async (t) => {
  const world = () => box(30, (index) => (index % 3 === 2 ? "soak-fails" : "good"));
  const { code, stdout } = await watched(t, world());
  assert.equal(code, 1, stdout);
  assert.match(stdout, /Z stable-8: too-many-failed: wave canary: of 2 nodes/);
  assert.match(stdout, /soak-fails +1 node, first n\d+: because it soak-fails/);
  const lines = (await watched(t, world(), "--json")).stdout.trimEnd().split("\n");
  const documents = lines.map((line) => JSON.parse(line));
  assert.ok(documents.length > 1);
  assert.ok(documents.every(({ schema }) => schema === "mirrorlet.fleet-rollout/v1"));
  assert.equal(documents.at(-1)?.state.phase, "halted");
});

test("--watch ends when nobody reads it any more", async (t) => {
  const { dir } = await workshop(t);
  const tick = await playWorld(box(30), await journalOf(t, dir));
  await tick();
  const [program, ...first] = mirrorletProgram();
  const place = ["--engine", `journal:${join(dir, "journal")}`, "--fleet", "prod"];
  for (const args of [["status"], ["rollout", "status"]]) {
    const all = [...first, "fleet", ...args, "--watch", ...place];
    const child = spawn(program, all, { env: mirrorletEnvironment, stdio: ["ignore", "pipe", "inherit"] });
    const killed = setTimeout(() => child.kill("SIGKILL"), WAIT_LIMIT_MS);
    child.stdout.destroy();
    const [code, signal] = await once(child, "exit");
    clearTimeout(killed);
    assert.deepEqual([typeof code, signal], ["number", null], args.join(" "));
  }
});

test("--watch that is interrupted clears its line, and ends as interrupted", async (t) => {
  const { dir } = await workshop(t);
  const tick = await playWorld(box(30), await journalOf(t, dir));
  await tick();
  const [program, ...first] = mirrorletProgram();
  const place = ["--engine", `journal:${join(dir, "journal")}`, "--fleet", "prod"];
  const all = [...first, "fleet", "rollout", "status", "--watch", ...place];
  const child = spawn(program, all, { env: mirrorletEnvironment, stdio: ["ignore", "pipe", "inherit"] });
  const killed = setTimeout(() => child.kill("SIGKILL"), WAIT_LIMIT_MS);
  await once(child.stdout, "data");
  child.kill("SIGINT");
  const end = await once(child, "exit");
  clearTimeout(killed);
  assert.deepEqual(end, [130, null]);
});

test("on etcd as on a journal; an engine that does not answer is told as that", {
  timeout: 120_000,
}, async (t) => {
  const etcd = await startEtcd();
  t.after(() => etcd.stop());
  const engine = `etcd://${etcd.endpoints.join(",").replaceAll("http://", "")}`;
  const { ok, fails, sign } = await workshop(t, engine);
  await ok("publish", await sign(1));
  await ok("inventory", "set", "n1", "class=cpu");
  await ok("rollout", "start");
  assert.match((await ok("status", "n1")).stdout, /rollout +stable-1: wave 1 of 5 \(canary\), in preflight/);
  await etcd.stop();
  await fails(2, /^mirrorlet: .*prod.*\n$/, "status");
  await fails(1, /^mirrorlet: .*prod.*\n$/, "rollout", "halt", "stable-1");
});

test("which fleet and where is said by options, the environment or feed.toml; wrong is 78", async (t) => {
  const { at } = await workshop(t);
  const missing = await runMirrorlet(["fleet", "status", "--config", at("none.toml")]);
  assert.equal(missing.code, 78);
  const nowhere = await runMirrorlet(["fleet", "status", "--fleet", "prod", "--root", at("empty")]);
  assert.equal(nowhere.code, 78);
  assert.match(nowhere.stderr, /^configuration: it is not said where the fleet's state is kept/);
  writeFileSync(at("feed.toml"), `fleet = "prod"\nengine = "journal:${at("elsewhere")}"\n`, { mode: 0o600 });
  // Nothing but what a fleet begins with makes a journal.
  for (const args of [["status"], ["channel", "list"], ["rollout", "start"], ["override", "clear", "n1"]]) {
    const slip = await runMirrorlet(["fleet", ...args, "--config", at("feed.toml")]);
    assert.equal(slip.code, 78);
    assert.match(slip.stderr, /there is no journal in \S*elsewhere: no fleet was ever written there/);
    assert.equal(existsSync(at("elsewhere")), false);
  }
  const set = await runMirrorlet(["fleet", "inventory", "set", "n1", "--config", at("feed.toml")]);
  assert.equal(set.code, 0, set.stderr);
  const removed = await runMirrorlet(["fleet", "inventory", "remove", "n1", "--config", at("feed.toml")]);
  assert.equal(removed.code, 0, removed.stderr);
  const status = await runMirrorlet(["fleet", "status", "--config", at("feed.toml")]);
  assert.deepEqual(
    [status.code, status.stdout.split("\n")[0]],
    [1, "prod: no node has connected, and the inventory is empty"],
  );
  const wrong = await runMirrorlet(["fleet", "status", "--fleet", "prod", "--engine", "etcd://nowhere"]);
  assert.equal(wrong.code, 78);
  assert.match(wrong.stderr, /"nowhere" in etcd:\/\/nowhere is no HOST:PORT/);
});
