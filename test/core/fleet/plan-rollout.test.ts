import assert from "node:assert/strict";
import { test } from "node:test";
import type { PublishedState } from "../../../src/core/fleet/check-published.ts";
import { checkPublished } from "../../../src/core/fleet/check-published.ts";
import { chooseBundle } from "../../../src/core/fleet/choose-bundle.ts";
import { DEFAULT_ROLLOUT } from "../../../src/core/fleet/default-rollout.ts";
import type { NamedChannel } from "../../../src/core/fleet/find-channel.ts";
import type { FleetNode } from "../../../src/core/fleet/node-status.ts";
import { planRollout, type RolloutWish } from "../../../src/core/fleet/plan-rollout.ts";
import type { SignedState } from "../../../src/core/signing/signed-state.ts";
import {
  channelWith,
  NEW,
  OLD,
  OTHER,
  sha256,
  specWith,
  stateWith,
  statusWith,
  T0,
} from "./support/fleet.ts";

const DAY = 86_400_000;

function published(changes: Partial<SignedState> = {}, digest = NEW.digest): PublishedState {
  const state = {
    fleet: "prod",
    channel: "stable",
    audience: {},
    serial: 8,
    floorSerial: 1,
    notBeforeMs: undefined,
    expiresMs: T0 + DAY,
    desiredState: "",
    name: "state.yaml",
    ...changes,
  };
  return { digest, serial: state.serial, state };
}

const nodes: readonly FleetNode[] = ["n0", "n1", "n2", "n3"].map((id, index) => ({
  id,
  labels: { class: index < 2 ? "cpu" : "gpu", ring: index === 3 ? "edge" : "core" },
  status: statusWith({ node: id }),
}));

const stable = (changes: Partial<NamedChannel> = {}): NamedChannel => ({
  name: "stable",
  channel: channelWith(),
  rollouts: [],
  ...changes,
});

function plan(changes: Partial<RolloutWish> = {}, channel = stable(), known = nodes) {
  const wish = {
    draft: DEFAULT_ROLLOUT,
    to: published(),
    id: undefined,
    used: new Set<string>(),
    supersedes: [],
    by: "ann",
    atMs: T0,
    endOf: () => undefined,
    ...changes,
  };
  return planRollout(wish, channel, known, sha256);
}

test("a rollout is named after channel and serial, comes from what is stable, and has its canaries by name", () => {
  const { spec, refusals, warnings, nodes: members } = plan();
  assert.deepEqual([refusals, warnings, members.length], [[], [], 4]);
  assert.deepEqual([spec.id, spec.from, spec.to, spec.createdBy], ["stable-8", OLD, NEW, "ann"]);
  const [canary] = spec.waves;
  assert.equal(canary?.pick.kind === "nodes" && canary.pick.nodes.length, 2, "one of each class");
});

test("a name that was used gets a number", () => {
  const over = { spec: specWith({ id: "stable-8", to: OTHER }), state: stateWith({ phase: "done" }) };
  assert.equal(plan({}, stable({ rollouts: [over] })).spec.id, "stable-8.2");
  const used = new Set(["stable-8", "stable-8.2", "gone"]);
  assert.equal(plan({ used }).spec.id, "stable-8.3");
  assert.deepEqual(plan({ used, id: "gone" }).refusals, [
    "there has been a rollout gone already: ids are used once",
  ]);
  assert.deepEqual(plan({ id: "stable-8" }, stable({ rollouts: [over] })).refusals, [
    "there has been a rollout stable-8 already: ids are used once",
  ]);
});

test("it is about the nodes of its channel, and what it comes from is what these have", () => {
  const members = { labels: { ring: ["edge"] } };
  const scoped = [{ scope: members, ...OTHER }];
  const edge = stable({ channel: channelWith({ members, scoped }) });
  const { spec, nodes: own, refusals } = plan({}, edge);
  assert.deepEqual([own.map(({ id }) => id), spec.scope, spec.from, refusals], [["n3"], members, OTHER, []]);
  const wide = plan({ draft: { ...DEFAULT_ROLLOUT, scope: { labels: { class: ["gpu"] } } } }, edge);
  assert.match(wide.refusals.join(), /1 of its nodes take from another channel than stable, n2 for one/);
});

test("what a list of nodes comes from is what these nodes have, whichever rollouts have brought it", () => {
  const scoped = [{ scope: { nodes: ["n1", "n2"] }, ...OTHER }];
  const channel = stable({ channel: channelWith({ scoped }) });
  const to = (scope: readonly string[], serial: number, digest: string) =>
    plan(
      { draft: { ...DEFAULT_ROLLOUT, scope: { nodes: scope } }, to: published({ serial }, digest) },
      channel,
    );
  const onward = to(["n1", "n3"], 8, NEW.digest);
  assert.deepEqual(
    [onward.refusals, onward.from],
    [
      [],
      [
        { ...OLD, nodes: 1 },
        { ...OTHER, nodes: 1 },
      ],
    ],
  );
  const back = to(["n1", "n3"], 7, OLD.digest);
  assert.deepEqual([back.refusals, back.spec.from], [[], OTHER]);
  assert.match(to(["n1", "n2"], 5, OTHER.digest).refusals.join(), /goes from .* to itself/);
  const older = to(["n1", "n3"], 5, OTHER.digest);
  assert.deepEqual([older.refusals, older.spec.from], [[], OLD]);
  assert.deepEqual(older.warnings, [
    "serial 5 is OLDER than what 1 of its nodes have (serial 7): they go back to it",
  ]);
});

test("what would go wrong later is said before it begins", () => {
  const refused = (changes: Partial<RolloutWish>, words: RegExp, channel = stable(), known = nodes) =>
    assert.match(plan(changes, channel, known).refusals.join("\n"), words);
  refused({}, /^no node is known of its scope \(all nodes\)/, stable(), []);
  refused({ to: published({ expiresMs: T0 }) }, /^it has expired/);
  refused({ supersedes: ["r9"] }, /^there is no rollout r9 of stable to supersede/);
  refused({ to: published({ serial: 7 }, OLD.digest) }, /goes from .* to itself/);
  const goesOn = { spec: specWith({ to: OTHER }), state: stateWith() };
  refused({}, /the rollout r1 \(waves\) has nodes of the same scope/, stable({ rollouts: [goesOn] }));
  const revert = { ...DEFAULT_ROLLOUT, onHalt: "revert" } as const;
  const closing = published({ floorSerial: 8 });
  refused({ draft: revert, to: closing }, /onHalt is revert, and who has soaked serial 8 refuses serial 7/);
  const twice = { ...DEFAULT_ROLLOUT, waves: DEFAULT_ROLLOUT.waves.slice(0, 2) };
  refused({ draft: twice }, /the last wave does not take everybody/);
});

test("what may be meant so is a warning", () => {
  const warned = (changes: Partial<RolloutWish>, words: RegExp, known = nodes) =>
    assert.match(plan(changes, stable(), known).warnings.join("\n"), words);
  warned({ to: published({ floorSerial: 8 }) }, /its floor is 8, and nodes run serial 7 now/);
  warned(
    { to: published({ audience: { labels: { class: ["cpu"] } } }) },
    /by the inventory 2 of its nodes are not among those it is signed for \(nodes with class=cpu\), n2 for one/,
  );
  warned({ to: published({ notBeforeMs: T0 + 1 }) }, /it may not be used yet/);
  const away = nodes.map(({ id, labels }) => ({ id, labels }));
  warned({}, /none of its nodes is connected now/, away);
  warned(
    { endOf: () => T0 },
    /^serial 7, which 4 of its nodes have, has expired \(2026-.*revert is no way out/,
  );
  warned({ endOf: () => T0 + 600_000 }, /^serial 7, .*, expires at 2026-.*, before this can be over/);
  warned(
    { to: published({ expiresMs: T0 + 600_000 }) },
    /^it expires at .*nodes of later waves would refuse/,
  );
});

test("what no node would take, or what would make two states of one serial, is not published", () => {
  const check = (changes: Partial<SignedState>, size = 100, others: readonly PublishedState[] = []) =>
    checkPublished(published(changes), size, "prod", channelWith(), others, T0);
  assert.deepEqual(check({}), { refusals: [], warnings: [] });
  assert.match(check({ fleet: "dev" }).refusals.join(), /signed for the fleet dev, and this is prod/);
  assert.match(check({}, 256 * 1024 + 1).refusals.join(), /more than the 262144 that a feed carries/);
  assert.match(check({ expiresMs: T0 }).refusals.join(), /it has expired/);
  assert.match(check({}, 100, [published({}, OTHER.digest)]).refusals.join(), /another state with serial 8/);
  assert.deepEqual(check({}, 100, [published()]).refusals, [], "the same once more");
  assert.deepEqual(check({}, 100, [published({ channel: "edge" }, OTHER.digest)]).refusals, []);
  assert.match(
    check({ serial: 6 }, 100, [published()]).warnings.join(),
    /up to serial 8; this is an older one/,
  );
});

test("a state is meant by serial, by digest, or as the newest", () => {
  const all = [
    published({ serial: 7 }, OLD.digest),
    published(),
    published({ channel: "edge", serial: 9 }, OTHER.digest),
  ];
  const choose = (wanted: string | undefined, channel = "stable") => {
    const found = chooseBundle(wanted, channel, all);
    return found.ok ? found.bundle.serial : found.message;
  };
  assert.deepEqual([choose(undefined), choose("7"), choose(OLD.digest.slice(0, 12))], [8, 7, 7]);
  assert.equal(choose("9"), "no published state of stable has the serial or digest 9: there are serial 8, 7");
  assert.match(String(choose(undefined, "canary")), /^nothing was published to canary yet/);
});
