import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { commandRollout, type RolloutVerb } from "../../../../src/core/fleet/command-rollout.ts";
import type { RolloutSpec, Wave } from "../../../../src/core/fleet/rollout-spec.ts";
import { isEnded, type RolloutState } from "../../../../src/core/fleet/rollout-state.ts";
import { startRollout } from "../../../../src/core/fleet/start-rollout.ts";
import type { ControllerPace } from "../../../../src/fleet/controller/controller-options.ts";
import { decodeRecord } from "../../../../src/fleet/store/decode-record.ts";
import type { FleetStore } from "../../../../src/fleet/store/fleet-store.ts";
import { readFleet } from "../../../../src/fleet/store/read-fleet.ts";
import { keyOf } from "../../../../src/fleet/store/record-name.ts";
import { writeChannel } from "../../../../src/fleet/store/write-channel.ts";
import { writeInventory } from "../../../../src/fleet/store/write-nodes.ts";
import { beginRollout, commandState } from "../../../../src/fleet/store/write-rollout.ts";
import { channelWith, NEW, OLD, specWith, wave } from "../../../core/fleet/support/fleet.ts";
import { Agent, type Nature } from "../../../core/fleet/support/sim/agent.ts";
import { atEnd } from "../../../support/at-end.ts";
import { eventually } from "../../engine/engine-words.ts";
import { type ScriptedServer, startScriptedServer } from "./scripted-server.ts";

/** As a real one, in the fraction of the time. */
export const QUICK: Partial<ControllerPace> = {
  leaseMs: 4_000,
  beatMs: 300,
  lookMs: 100,
  changedMs: 50,
  freshMs: 2_000,
  settleMs: 200,
};

export const QUICK_SPEC: Partial<RolloutSpec> = {
  preflight: { nodes: "all", maxFailed: 0, reportByMs: 20_000 },
  waves: [
    quickWave({ name: "canary", pick: { kind: "nodes", nodes: ["n0"] } }),
    quickWave({ name: "half", pick: { kind: "percent", percent: 50 } }),
    quickWave({ name: "rest", pick: { kind: "percent", percent: 100 } }),
  ],
  spreadMs: 100,
  soakMs: 600,
  reportByMs: 20_000,
};

function quickWave(changes: Partial<Wave> & Pick<Wave, "pick">): Wave {
  return wave({ bakeMs: 600, maxBakeMs: 60_000, maxInFlight: 4, evidence: "none", ...changes });
}

export interface FleetLab {
  readonly store: FleetStore;
  readonly agents: readonly Agent[];
  readonly servers: readonly ScriptedServer[];
  /** Every state of the rollout, in order. */
  readonly states: readonly RolloutState[];
  state(): RolloutState;
  command(verb: RolloutVerb): Promise<void>;
  /** Until a state is so; with what happened where that does not come. */
  until(isSo: (state: RolloutState) => boolean, what: string): Promise<void>;
  /** What must be true of any rollout, whatever was killed. */
  check(): void;
}

export interface FleetLabOptions {
  readonly natures?: readonly Nature[];
  readonly spec?: Partial<RolloutSpec>;
  readonly servers?: number;
}

/** A fleet of simulated nodes on a real engine, with servers that do as they have to, and a rollout that begins. */
export async function startFleetLab(
  t: TestContext,
  store: FleetStore,
  { natures = Array<Nature>(8).fill("good"), spec: changes = {}, servers: count = 1 }: FleetLabOptions = {},
): Promise<FleetLab> {
  const spec = specWith({ ...QUICK_SPEC, ...changes, createdMs: Date.now() });
  const agents = natures.map(
    (nature, index) => new Agent(`n${index}`, labelsOf(index), nature, NEW.digest, OLD, Math.random),
  );
  const entries = agents.map(({ id, labels }) => [id, { labels }] as const);
  await writeInventory(store, new Map(entries));
  await writeChannel(store, "stable", undefined, channelWith());
  const states: RolloutState[] = [];
  const watching = new AbortController();
  atEnd(t, () => watching.abort());
  const { revision } = await store.engine.list("/");
  void watchStates(store, revision, watching.signal, states);
  const servers: ScriptedServer[] = [];
  for (let index = 0; index < count; index++) {
    const mine = agents.filter((_, at) => at % count === index);
    servers.push(await startScriptedServer({ store, id: `s${index + 1}`, agents: mine }));
  }
  atEnd(t, () => Promise.all(servers.map((server) => server.die())));
  await begin(store, spec);
  const state = (): RolloutState =>
    states.at(-1) ?? { phase: "preflight", wave: 0, startedMs: 0, attempt: 1 };
  return {
    store,
    agents,
    servers,
    states,
    state,
    async command(verb) {
      const before = (await readFleet(store)).state.get("r1");
      assert.ok(before);
      const deed = { by: "ann", reason: "x", atMs: Date.now() };
      const result = commandRollout({ spec, state: before.value }, verb, deed);
      assert.ok(result.ok, JSON.stringify(result));
      assert.equal((await commandState(store, "r1", before, result.state)).ok, true);
    },
    until: (isSo, what) =>
      eventually(() => isSo(state()), `${what}: ${states.map(show).join(", ")}`).catch((error: Error) => {
        throw new Error(`${error.message}: ${states.map(show).join(", ")}`);
      }),
    check: () => checkRollout(states, agents, servers),
  };
}

function labelsOf(index: number): Readonly<Record<string, string>> {
  return { class: index % 2 === 0 ? "gpu" : "cpu" };
}

async function begin(store: FleetStore, spec: RolloutSpec): Promise<void> {
  const records = await readFleet(store);
  const channel = records.channel.get("stable");
  assert.ok(channel);
  const result = startRollout(spec, channel.value, [], Date.now());
  assert.ok(result.ok, JSON.stringify(result));
  assert.equal((await beginRollout(store, records, spec, result)).ok, true);
}

async function watchStates(
  { engine, fleet }: FleetStore,
  after: number,
  signal: AbortSignal,
  states: RolloutState[],
): Promise<void> {
  const name = { kind: "state", id: "r1" } as const;
  await engine.watch(keyOf(fleet, name), {
    after,
    signal,
    onChanges(changes) {
      for (const change of changes) {
        if (change.kind !== "put") continue;
        const decoded = decodeRecord(name, change.entry.value);
        if (decoded.ok) states.push(decoded.value);
      }
    },
  });
}

/** Each wave after the one before, each step once; nothing applied twice, and nothing told twice on a stream. */
function checkRollout(
  states: readonly RolloutState[],
  agents: readonly Agent[],
  servers: readonly ScriptedServer[],
): void {
  const steps = states.map(show);
  assert.equal(new Set(steps).size, steps.length, `a step was made twice: ${steps.join(", ")}`);
  states.forEach((state, index) => {
    const before = states[index - 1];
    if (before?.phase !== "waves" || state.phase !== "waves") return;
    assert.ok(state.wave === before.wave || state.wave === before.wave + 1, steps.join(", "));
  });
  assert.ok(
    states.slice(0, -1).every((state) => !isEnded(state)),
    steps.join(", "),
  );
  for (const { id, applied } of agents) {
    const told = applied.map((one) => `${one.id} ${one.digest}`);
    assert.equal(new Set(told).size, told.length, `${id} has applied twice: ${told}`);
  }
  const sent = servers.flatMap((server) => server.sent);
  assert.equal(new Set(sent).size, sent.length, `told twice: ${sent.join(", ")}`);
}

function show({ phase, wave: index, bakingMs, halted, paused, attempt }: RolloutState): string {
  const more = [
    bakingMs && "baking",
    halted && `halted${halted.isWhole ? " whole" : ""} (${halted.code}: ${halted.message})`,
    paused && "paused",
  ];
  return [`${phase} ${index}/${attempt}`, ...more.filter(Boolean)].join(" ");
}
