import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readChannel } from "../../../src/core/fleet/channel.ts";
import { readInventory } from "../../../src/core/fleet/inventory.ts";
import { readOverride } from "../../../src/core/fleet/override.ts";
import { formatProblem, type ReadResult } from "../../../src/core/fleet/problem.ts";
import {
  readNodeStatus,
  type WrittenStatus,
  writeNodeStatus,
} from "../../../src/core/fleet/read-node-status.ts";
import { writeStored } from "../../../src/core/fleet/read-record.ts";
import { readRolloutSpec } from "../../../src/core/fleet/read-rollout-spec.ts";
import { readRolloutState } from "../../../src/core/fleet/read-rollout-state.ts";
import { readTokens } from "../../../src/core/fleet/share-tokens.ts";
import { channelWith, NEW, offerWith, specWith, stateWith, statusWith, T0, wave } from "./support/fleet.ts";

const spec = specWith({
  scope: { nodes: ["n1"], labels: { class: ["gpu", "cpu"] } },
  waves: [
    wave({ name: "canary", pick: { kind: "nodes", nodes: ["n0"] } }),
    wave({ name: "labs", pick: { kind: "labels", labels: { zone: ["lab"] } } }),
    wave({ name: "half", pick: { kind: "percent", percent: 50, cuts: { gpu: 12, "": 7 } } }),
    wave({ name: "rest", pick: { kind: "percent", percent: 100 } }),
  ],
  windows: [{ days: [1, 5], fromMinute: 480, toMinute: 1020 }],
  supersedes: [{ id: "r0", digest: NEW.digest }],
});
const evidence = {
  errors: [{ code: "gate-failed", count: 2, node: "n0", message: "x", item: "gcr.io" }],
  nodes: ["n0"],
  count: 2,
  factors: [{ name: "class", value: "gpu", unwell: 2, unwellOf: 2, well: 0, wellOf: 9 }],
};
const deed = { by: "ann", reason: "lunch", atMs: T0 };
const state = stateWith({
  phase: "halted",
  bakingMs: T0,
  paused: deed,
  expedited: deed,
  halted: { code: "too-many-failed", message: "x", atMs: T0, wave: 1, evidence },
  left: evidence,
  generation: 4,
});
const status = statusWith({
  offer: offerWith({
    phase: "reverted",
    phaseMs: T0,
    error: { code: "a", message: "b", item: "c" },
    unproven: ["gcr.io"],
    unprovenMore: 2,
    wasUnwell: true,
  }),
  preflight: { rolloutId: "r1", attempt: 1, ok: false, error: { code: "a", message: "b" } },
  refused: [{ digest: NEW.digest, assignmentId: "r1/1/apply" }],
  unwell: { verdict: "failing", namespace: "gcr.io" },
  drifted: true,
  cloned: true,
});
const channel = channelWith({ scoped: [{ scope: { nodes: ["n1"] }, ...NEW }] });

function problems(result: ReadResult<unknown>): readonly string[] {
  return result.ok ? [] : result.problems.map(formatProblem);
}

function textOf({ bytes }: WrittenStatus): string {
  return new TextDecoder().decode(bytes);
}

test("what is written is read back as it was", () => {
  assert.deepEqual(readRolloutSpec(writeStored(spec)), { ok: true, value: spec });
  assert.deepEqual(readRolloutState(writeStored(state)), { ok: true, value: state });
  assert.deepEqual(readRolloutState(writeStored(stateWith())), { ok: true, value: stateWith() });
  assert.deepEqual(readNodeStatus(textOf(writeNodeStatus(status))), { ok: true, value: status });
  assert.deepEqual(readChannel(writeStored(channel)), { ok: true, value: channel });
  const inventory = { labels: { class: "gpu", zone: "a" } };
  assert.deepEqual(readInventory(writeStored(inventory)), { ok: true, value: inventory });
  const override = { bundle: NEW, ...deed };
  assert.deepEqual(readOverride(writeStored(override)), { ok: true, value: override });
  assert.deepEqual(readOverride(writeStored(deed)), { ok: true, value: deed });
});

test("everything that is wrong is told at once, with its place", () => {
  const { channel: _channel, ...rest } = spec;
  const broken = {
    ...rest,
    id: "a/b",
    soakMs: "2m",
    onHalt: "explode",
    chanel: "stable",
    scope: { labels: {} },
    waves: [{ ...wave({ pick: { kind: "percent", percent: 100 } }), minDone: 2, nme: 1 }, 7],
  };
  assert.deepEqual(problems(readRolloutSpec(writeStored(broken))), [
    'id must be at most 63 letters, digits, dots, dashes and underscores, with a letter or digit at both ends, here it is "a/b"',
    "a rollout has no channel; add channel",
    "scope.labels is empty; leave it out to mean all nodes",
    "waves[0].minDone must be a number from 0 to 1, here it is 2",
    "waves[1] must be a wave, an object, here it is a number",
    'onHalt must be hold or revert, here it is "explode"',
    "soakMs must be a whole number, here it is text",
    'a wave has no key "nme"; did you mean name?',
    'a rollout has no key "chanel"; did you mean channel?',
  ]);
});

test("what would not end, or not be watched, is refused", () => {
  const [first, , half, last] = spec.waves;
  assert.ok(first && half && last);
  const told = (changes: Partial<typeof spec>): readonly string[] =>
    problems(readRolloutSpec(writeStored({ ...spec, ...changes })));
  assert.deepEqual(told({ waves: [] }), ["there is no wave, so nothing would happen; add one"]);
  assert.deepEqual(told({ waves: [first] }), [
    "the last wave does not take everybody who is left, and at its end the whole scope would get the new state at once; let the last wave pick 100 percent; narrow the scope to leave nodes out",
  ]);
  assert.deepEqual(told({ waves: [half, { ...half, name: "again" }, last] }), [
    "waves[1], again: 50 percent of the scope are in the waves before, which take 50; raise it: percents count from the beginning",
  ]);
  assert.deepEqual(told({ waves: [first, { ...last, maxInFlight: 10 }] }), [
    "waves[1], rest: maxInFlight is 10 after 200 in the wave before, whose nodes may still be under way; raise it, or lower the one before",
  ]);
  assert.deepEqual(told({ waves: [first, { ...last, name: "canary", maxBakeMs: 1 }] }), [
    "waves[1], canary: another wave has the same name; give each a name of its own",
    "waves[1], canary: the longest bake is shorter than the bake; raise the longest bake",
  ]);
  assert.deepEqual(told({ reportByMs: 30_000 }), [
    "a node needs the spread and the soak together (30 s) before it can report, and would count as silent; raise the time to report",
  ]);
});

test("records of another schema, too long, or no JSON, are told and not thrown", () => {
  assert.deepEqual(problems(readRolloutState("{")), ["the state of a rollout is not JSON"]);
  assert.deepEqual(problems(readRolloutState("[]")), [
    "the state of a rollout must be an object, here it is a list",
  ]);
  assert.deepEqual(problems(readRolloutState(JSON.stringify({ ...stateWith(), schema: 2 }))), [
    "schema must be a whole number from 1 to 1, here it is 2",
  ]);
  assert.deepEqual(problems(readNodeStatus(" ".repeat(300_000))), [
    "the status of a node is too long: 300000 characters",
  ]);
});

test("no value makes a reader throw, or tell without end", () => {
  const readers = [
    readRolloutSpec,
    readRolloutState,
    readNodeStatus,
    readChannel,
    readOverride,
    readTokens,
    readInventory,
  ];
  const whole = [spec, state, status, channel, deed, { blocks: [] }, { labels: { a: "b" } }];
  const mutated = fc.tuple(fc.nat(6), fc.string(), fc.jsonValue()).map(([index, key, value]) => {
    const keys = Object.keys(whole[index] ?? {});
    const chosen = keys[key.length % keys.length] ?? key;
    return JSON.stringify({ schema: 1, ...whole[index], [chosen]: value });
  });
  fc.assert(
    fc.property(fc.oneof(fc.json(), mutated), (text) => {
      for (const read of readers) {
        const result = read(text);
        assert.ok(result.ok || (result.problems.length > 0 && result.problems.length <= 20));
      }
    }),
    { numRuns: 500 },
  );
});

test("why a preflight failed is kept whole, in a status that is long otherwise", () => {
  const error = { code: "mirror-unreachable", message: "é".repeat(200), item: "registry.example.org" };
  const id = "stable-20261127-1/1/preflight";
  const long = statusWith({
    offer: {
      ...offerWith(),
      id,
      mode: "preflight",
      phase: "preflight-failed",
      phaseMs: T0,
      error,
      unproven: Array(4).fill("é".repeat(255)),
    },
    preflight: { rolloutId: "stable-20261127-1", attempt: 1, ok: false, error },
    refused: refusals("r".repeat(63)),
  });
  assert.ok(Buffer.byteLength(writeStored(long)) > 4096);
  const read = readNodeStatus(textOf(writeNodeStatus(long)));
  assert.deepEqual(read.ok && read.value.preflight?.error, error);
});

function refusals(rollout: string) {
  return Array.from({ length: 4 }, (_, index) => ({
    digest: NEW.digest,
    assignmentId: `${rollout}/${index}/apply`,
  }));
}

test("with the names of a cloud a status is kept whole, from the first rollout to the fourth attempt", () => {
  const node = "ip-10-0-12-133.eu-central-1.compute.internal";
  const rolloutId = "stable-20261127-081-".padEnd(63, "x");
  const error = {
    code: "verdict-failing",
    message: "pulls from registry.example.org do not go through: ".padEnd(200, "x"),
    item: "registry.example.org",
  };
  const whole = statusWith({
    node,
    connection: { server: node, stream: 123, instance: "a".repeat(32), sinceMs: T0 },
    instances: ["a".repeat(32), "b".repeat(32)],
    agent: "0.2.0",
    containerd: "1.6.20~ds1-1+deb12u3",
    offer: {
      ...offerWith({ phase: "reverted", phaseMs: T0, error, unproven: ["registry.example.org"] }),
      id: `${rolloutId}/4/apply`,
      rolloutId,
      sentOn: `${node}/123`,
      owner: node,
    },
    preflight: { rolloutId, attempt: 4, ok: true },
    refused: refusals(rolloutId),
  });
  assert.deepEqual(writeNodeStatus(whole).status, whole);
});

test("with the longest names there are, a reason and the versions are still told", () => {
  const name = "n".repeat(253);
  const rolloutId = "r".repeat(63);
  const error = { code: "verdict-failing", message: `pulls fail: ${"x".repeat(188)}`, item: "i".repeat(200) };
  const fat = statusWith({
    node: name,
    connection: { server: name, stream: 123, instance: "a".repeat(64), sinceMs: T0 },
    instances: ["a".repeat(64), "b".repeat(64)],
    agent: "0.2.0",
    containerd: "1.6.20~ds1-1+deb12u3",
    offer: {
      ...offerWith({ phase: "reverted", phaseMs: T0, error, unproven: Array(4).fill("h".repeat(255)) }),
      id: `${rolloutId}/4/apply`,
      rolloutId,
      sentOn: `${name}/123`,
      owner: name,
    },
    preflight: { rolloutId, attempt: 4, ok: false, error },
    refused: refusals(rolloutId),
    unwell: { verdict: "failing", namespace: "h".repeat(200) },
  });
  const { status: kept, bytes } = writeNodeStatus(fat);
  assert.ok(bytes.length <= 4096, `${bytes.length}`);
  assert.deepEqual([kept.agent, kept.containerd], [fat.agent, fat.containerd]);
  assert.match(kept.offer?.error?.message ?? "", /^pulls fail: x+…$/);
});

test("a status stays within its limit: words go first, then names, and what is decided by never", () => {
  const long = "x".repeat(200);
  const fat = {
    ...status,
    node: "n".repeat(253),
    offer: offerWith({
      phase: "reverted",
      error: { code: "gate-failed", message: long },
      unproven: ["é", "ö", "ü", "ä"].map((one) => one.repeat(255)),
    }),
    preflight: { rolloutId: "r1", attempt: 1, ok: false, error: { code: "a", message: "é".repeat(200) } },
    refused: refusals("é".repeat(180)),
  };
  const written = writeNodeStatus(fat);
  assert.ok(written.bytes.length <= 4096, `${written.bytes.length}`);
  const read = readNodeStatus(textOf(written));
  assert.ok(read.ok);
  assert.deepEqual(read.value, written.status, "who has written it need not read it");
  const { offer, running, refused } = read.value;
  assert.deepEqual([offer?.phase, offer?.error?.code, running], ["reverted", "gate-failed", fat.running]);
  assert.equal((offer?.unproven.length ?? 0) + (offer?.unprovenMore ?? 0), 4);
  assert.deepEqual(refused.at(-1)?.assignmentId, fat.refused.at(-1)?.assignmentId);
});
