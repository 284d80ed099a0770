import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { CONTROLLER_FRESH_MS } from "../../../src/core/fleet/choose-assignment.ts";
import type { RolloutState } from "../../../src/core/fleet/rollout-state.ts";
import type { FleetStore } from "../../../src/fleet/store/fleet-store.ts";
import { awaitFlock } from "../../../src/shared/flock.ts";
import { NEW, OLD } from "../../core/fleet/support/fleet.ts";
import type { Nature } from "../../core/fleet/support/sim/agent.ts";
import { eventually } from "../engine/engine-words.ts";
import type { FencingEngine } from "../engine/fencing-driver.ts";
import { follow } from "../store/store-words.ts";
import { type ControllerProcess, startControllerProcess } from "./support/controller-process.ts";
import { type FleetLab, type FleetLabOptions, QUICK, startFleetLab } from "./support/fleet-lab.ts";

export interface FaultsEngine {
  readonly store: FleetStore;
  /** For processes of their own. */
  readonly how: FencingEngine;
}

/** What an operator is promised of controllers that die, stall and disagree; on every engine. */
export function testControllerFaults(
  name: string,
  open: (t: TestContext) => Promise<FaultsEngine>,
  options: { readonly timeout: number; readonly skip: string | false },
): void {
  test(`${name}: a canary that goes back halts it, and nobody else is told`, options, async (t) => {
    const natures: readonly Nature[] = ["soak-fails", ...Array<Nature>(7).fill("good")];
    const { engine, lab } = await openLab(t, open, { natures });
    const controller = startOne(t, engine, "c1");
    await lab.until(({ halted }) => halted?.isWhole === true, "it halts");
    // Long enough for whoever would go on.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    lab.check();
    const applies = lab.servers.flatMap(({ sent }) => sent).filter((one) => one.endsWith("/apply"));
    assert.deepEqual(applies, ["n0 r1/1/apply"]);
    assert.ok(lab.agents.every(({ running }) => running?.digest === OLD.digest));
    const { halted, phase } = lab.state();
    assert.equal(phase, "halted");
    assert.equal(halted?.code, "too-many-failed");
    assert.deepEqual(halted?.evidence.nodes, ["n0"]);
    assert.equal(halted?.evidence.errors[0]?.code, "soak-fails");
    assert.equal(count(controller, "decided"), 3, "waves, halt, all of its evidence");
  });

  for (const [phase, isThere] of MOMENTS)
    test(
      `${name}: a controller killed in ${phase} is followed by another that goes on`,
      options,
      async (t) => {
        const { engine, lab } = await openLab(t, open);
        const first = startOne(t, engine, "c1");
        await eventually(() => hasLed(first), "it leads");
        const second = startOne(t, engine, "c2");
        await lab.until(isThere, phase);
        await first.kill();
        await lab.until(({ phase }) => phase === "done", "it is done");
        lab.check();
        assert.ok(hasLed(second));
        assert.ok(lab.agents.every(({ running }) => running?.digest === NEW.digest));
      },
    );

  for (const [phase, isThere] of BACK_MOMENTS)
    test(
      `${name}: a controller killed ${phase} is followed by another that takes all back`,
      options,
      async (t) => {
        const spec = { onHalt: "revert" } as const;
        const natures: readonly Nature[] = [...Array<Nature>(6).fill("good"), "soak-fails", "soak-fails"];
        const { engine, lab } = await openLab(t, open, { natures, spec });
        const first = startOne(t, engine, "c1");
        await eventually(() => hasLed(first), "it leads");
        const second = startOne(t, engine, "c2");
        await lab.until(isThere, phase);
        await first.kill();
        await lab.until(({ phase }) => phase === "reverted", "it is taken back");
        lab.check();
        assert.ok(hasLed(second));
        assert.ok(lab.agents.every(({ running }) => running?.digest === OLD.digest));
      },
    );

  test(
    `${name}: a controller killed at a halt is followed by another that gathers all of its evidence`,
    options,
    async (t) => {
      const natures: readonly Nature[] = [
        ...Array<Nature>(4).fill("good"),
        ...Array<Nature>(4).fill("soak-fails"),
      ];
      const { engine, lab } = await openLab(t, open, { natures });
      const first = startOne(t, engine, "c1");
      await eventually(() => hasLed(first), "it leads");
      startOne(t, engine, "c2");
      await lab.until(({ phase }) => phase === "halted", "it halts");
      await first.kill();
      await lab.until(({ halted }) => halted?.isWhole === true, "all have answered");
      lab.check();
      const told = new Set(lab.servers.flatMap(({ sent }) => sent));
      const failed = lab.agents.filter(({ id, nature }) => nature !== "good" && told.has(`${id} r1/1/apply`));
      assert.ok(failed.every(({ running }) => running?.digest === OLD.digest));
      assert.equal(lab.state().halted?.evidence.count, failed.length);
    },
  );

  test(
    `${name}: without a controller nobody new is told, and rollouts go on with one`,
    options,
    async (t) => {
      const { engine, lab } = await openLab(t, open);
      const first = startOne(t, engine, "c1");
      await lab.until(({ phase, wave }) => phase === "waves" && wave === 1, "mid-wave");
      await first.kill();
      const [server] = lab.servers;
      assert.ok(server);
      await eventually(() => server.followed.beatAgeMs() > CONTROLLER_FRESH_MS, "it is known to be gone");
      const [sent, states] = [server.sent.length, lab.states.length];
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      assert.equal(server.sent.length, sent);
      assert.equal(lab.states.length, states);
      startOne(t, engine, "c2");
      await lab.until(({ phase }) => phase === "done", "it goes on");
      lab.check();
    },
  );

  test(
    `${name}: a controller that was stopped and has lost its lead writes nothing any more`,
    options,
    async (t) => {
      const { engine, lab } = await openLab(t, open);
      const first = startOne(t, engine, "c1");
      await eventually(() => hasLed(first), "it leads");
      await lab.until(({ phase }) => phase === "waves", "it goes on");
      await freeze(first, engine);
      const second = startOne(t, engine, "c2");
      await eventually(() => hasLed(second), "the other leads");
      const others = count(second, "decided");
      await new Promise((resolve) => setTimeout(resolve, 500));
      // The first state is the rollout's beginning. What was on its way when it was stopped is told later.
      const written = lab.states.length - 1 - others;
      first.signal("SIGCONT");
      await lab.until(({ phase }) => phase === "done", "it is done");
      lab.check();
      await eventually(() => count(first, "leads-no-more") === 1, "it has found out");
      assert.ok(count(first, "decided") <= written, `${count(first, "decided")} of ${written}`);
    },
  );

  test(`${name}: of many controllers one leads, and a clean end hands over at once`, options, async (t) => {
    const { engine, lab } = await openLab(t, open);
    const all = ["c1", "c2", "c3"].map((id) => startOne(t, engine, id));
    await lab.until(({ phase }) => phase === "done", "it is done");
    lab.check();
    assert.equal(all.filter(hasLed).length, 1);
    const fleet = follow(t, engine.store);
    await eventually(() => fleet.records.controller.size === 1, "somebody leads");
    for (const one of all) if (hasLed(one)) await one.kill();
    await eventually(() => all.filter(hasLed).length === 2, "one of the others");
  });
}

const MOMENTS: readonly (readonly [string, (state: RolloutState) => boolean])[] = [
  ["preflight", ({ phase }) => phase === "preflight"],
  ["its first wave", ({ phase }) => phase === "waves"],
  ["a bake", ({ bakingMs }) => bakingMs !== undefined],
  ["its last wave", ({ phase, wave }) => phase === "waves" && wave === 2],
];

const BACK_MOMENTS: typeof MOMENTS = [
  ["before a halt", ({ phase, wave }) => phase === "waves" && wave > 0],
  ["while it goes back", ({ phase }) => phase === "reverting"],
];

async function openLab(
  t: TestContext,
  open: (t: TestContext) => Promise<FaultsEngine>,
  options: FleetLabOptions = {},
): Promise<{ readonly engine: FaultsEngine; readonly lab: FleetLab }> {
  const engine = await open(t);
  const lab = await startFleetLab(t, engine.store, { servers: 2, ...options });
  return { engine, lab };
}

function startOne(t: TestContext, { store, how }: FaultsEngine, id: string): ControllerProcess {
  return startControllerProcess(t, { engine: how, fleet: store.fleet, id, pace: QUICK });
}

/** Not while it has the journal's lock: nobody could take that from it. */
async function freeze(controller: ControllerProcess, { how }: FaultsEngine): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    controller.signal("SIGSTOP");
    if (how.kind !== "journal" || (await canLock(join(how.directory, "lock")))) return;
    controller.signal("SIGCONT");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail("it has the journal's lock all the time");
}

async function canLock(path: string): Promise<boolean> {
  const handle = await open(path, "r");
  try {
    return (await awaitFlock(handle.fd, 3_000)).is === "held";
  } finally {
    await handle.close();
  }
}

function hasLed(controller: ControllerProcess): boolean {
  return count(controller, "leads") > 0;
}

function count({ notices }: ControllerProcess, kind: string): number {
  return notices.filter((one) => one.kind === kind).length;
}
