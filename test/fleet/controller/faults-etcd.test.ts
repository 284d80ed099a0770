import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { commit } from "../../../src/fleet/store/commit.ts";
import { readFleet } from "../../../src/fleet/store/read-fleet.ts";
import { channelWith, NEW, specWith, stateWith } from "../../core/fleet/support/fleet.ts";
import { atEnd } from "../../support/at-end.ts";
import { type LabEtcd, startEtcd } from "../../support/etcd.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { eventually } from "../engine/engine-words.ts";
import { openEtcd } from "../engine/open-engine.ts";
import { type FaultsEngine, testControllerFaults } from "./faults.ts";
import { startControllerProcess } from "./support/controller-process.ts";
import { QUICK, QUICK_SPEC, startFleetLab } from "./support/fleet-lab.ts";

const options = { timeout: 300_000, skip: partSkipReason("etcd") ?? false } as const;

testControllerFaults("etcd", async (t) => open(t, await startCluster(t, 1)), options);

test(
  "etcd: its leader killed in each phase loses nothing of a rollout, and repeats nothing",
  options,
  async (t) => {
    const etcd = await startCluster(t, 3);
    const { store, how } = await open(t, etcd);
    const lab = await startFleetLab(t, store, {
      servers: 2,
      spec: {
        ...QUICK_SPEC,
        reportByMs: 60_000,
        preflight: { nodes: "all", maxFailed: 0, reportByMs: 60_000 },
      },
    });
    for (const id of ["c1", "c2"])
      startControllerProcess(t, { engine: how, fleet: store.fleet, id, pace: QUICK });
    for (const wave of [0, 1, 2]) {
      await lab.until((state) => state.phase === "waves" && state.wave === wave, `wave ${wave}`);
      const leader = await etcd.leader();
      assert.ok(leader);
      await leader.kill("SIGKILL");
      const steps = lab.states.length;
      await lab.until(() => lab.states.length > steps, "it goes on without that member");
      await leader.start();
    }
    await lab.until(({ phase }) => phase === "done", "it is done");
    lab.check();
    assert.ok(lab.agents.every(({ running }) => running?.digest === NEW.digest));
  },
);

test("etcd: frozen for longer than nodes may take to answer, it halts nothing", options, async (t) => {
  const etcd = await startCluster(t, 1);
  const [member] = etcd.members;
  assert.ok(member);
  // Also where the test fails, or it would not end.
  atEnd(t, () => member.kill("SIGCONT"));
  const { store, how } = await open(t, etcd);
  const lab = await startFleetLab(t, store, {
    spec: { ...QUICK_SPEC, reportByMs: 4_000, preflight: { nodes: "all", maxFailed: 0, reportByMs: 4_000 } },
  });
  const pace = { ...QUICK, settleMs: 2_000 };
  startControllerProcess(t, { engine: how, fleet: store.fleet, id: "c1", pace });
  await lab.until(({ phase, wave }) => phase === "waves" && wave === 1, "mid-wave");
  await member.kill("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  await member.kill("SIGCONT");
  await lab.until(({ phase }) => phase === "done" || phase === "halted", "it ends");
  assert.equal(lab.state().phase, "done", lab.state().halted?.message);
  lab.check();
});

test("etcd: put back from a backup while the lead lasts, it is led again", options, async (t) => {
  const etcd = await startCluster(t, 1);
  const [member] = etcd.members;
  assert.ok(member);
  const { store, how } = await open(t, etcd);
  const pace = { ...QUICK, leaseMs: 30_000, blindMs: 2_000 };
  const controller = startControllerProcess(t, { engine: how, fleet: store.fleet, id: "c1", pace });
  const beat = async () => (await readFleet(store)).controller.get("")?.value.beat ?? -1;
  await eventually(async () => (await beat()) > 2, "it leads");
  await member.kill("SIGKILL");
  await member.backUp();
  await member.start();
  const spec = specWith({ preflight: { nodes: "none", maxFailed: 0, reportByMs: 0 } });
  const state = stateWith({ phase: "preflight", startedMs: Date.now() });
  await commit(
    store,
    [],
    [
      { kind: "channel", id: "stable", value: channelWith() },
      { kind: "spec", id: "r1", value: spec },
      { kind: "state", id: "r1", value: state },
    ],
  );
  await eventually(
    async () => (await readFleet(store)).state.get("r1")?.value.phase === "waves",
    "it has decided",
  );
  await member.kill("SIGKILL");
  await member.putBack();
  await member.start();
  await eventually(async () => (await readFleet(store)).state.size === 0, "it is as it was");
  await eventually(() => controller.notices.some(({ kind }) => kind === "leads-no-more"), "it leaves");
  const last = await beat();
  await eventually(async () => (await beat()) !== last && (await beat()) > 1, "it beats again");
});

async function startCluster(t: TestContext, members: 1 | 3): Promise<LabEtcd> {
  const etcd = await startEtcd({ members });
  atEnd(t, etcd.stop);
  return etcd;
}

async function open(t: TestContext, { endpoints }: LabEtcd): Promise<FaultsEngine> {
  const engine = await openEtcd({ endpoints });
  atEnd(t, () => engine.close());
  return { store: { engine, fleet: "prod" }, how: { kind: "etcd", endpoints } };
}
