import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ControllerNotice } from "../../../src/fleet/controller/controller-notice.ts";
import { startController } from "../../../src/fleet/controller/start-controller.ts";
import type { FleetStore } from "../../../src/fleet/store/fleet-store.ts";
import { readFleet } from "../../../src/fleet/store/read-fleet.ts";
import { NEW, sha256 } from "../../core/fleet/support/fleet.ts";
import { atEnd } from "../../support/at-end.ts";
import { eventually } from "../engine/engine-words.ts";
import { follow, journalStore } from "../store/store-words.ts";
import { QUICK, startFleetLab } from "./support/fleet-lab.ts";

test("a rollout goes through its waves, and what it brought is stable", async (t) => {
  const store = await journalStore(t);
  const lab = await startFleetLab(t, store, { servers: 2 });
  const { controller } = lead(t, store);
  await lab.until(({ phase }) => phase === "done", "it is done");
  lab.check();
  assert.ok(lab.agents.every(({ running }) => running?.digest === NEW.digest));
  const records = await readFleet(store);
  assert.equal(records.channel.get("stable")?.value.stable?.digest, NEW.digest);
  assert.equal(records.channel.get("stable")?.value.generation, records.state.get("r1")?.value.generation);
  assert.deepEqual(
    lab.states.map(({ phase, wave, bakingMs }) => `${phase} ${wave}${bakingMs ? " bakes" : ""}`),
    [
      "preflight 0",
      "waves 0",
      "waves 0 bakes",
      "waves 1",
      "waves 1 bakes",
      "waves 2",
      "waves 2 bakes",
      "done 2",
    ],
  );
  await eventually(() => controller.status().waits.size === 0, "nothing is waited for");
  assert.equal(controller.status().failures, 0);
});

function lead(t: TestContext, store: FleetStore, id = "c1") {
  const notices: ControllerNotice[] = [];
  const followed = follow(t, store);
  const controller = startController({
    store,
    followed,
    self: { id, version: "test", host: "lab" },
    nowMs: Date.now,
    uptimeMs: () => performance.now(),
    random: Math.random,
    sha256,
    onNotice: (notice) => notices.push(notice),
    pace: QUICK,
  });
  atEnd(t, () => controller.stop());
  return { controller, notices, followed };
}
