// A process of its own that takes part in leading a fleet, until it is killed. Says each thing it does in a line of JSON.
import { createHash } from "node:crypto";
import { startController } from "../../../src/fleet/controller/start-controller.ts";
import { followFleet } from "../../../src/fleet/store/follow-fleet.ts";
import { openEtcd, openJournal } from "../engine/open-engine.ts";
import type { ControllerProcessSpec } from "./support/controller-process.ts";

const spec = process.argv[2];
if (spec !== undefined && import.meta.url === `file://${process.argv[1]}`) {
  const { engine: how, fleet, id, pace } = JSON.parse(spec) as ControllerProcessSpec;
  const engine = how.kind === "etcd" ? await openEtcd(how) : await openJournal(how);
  const uptimeMs = (): number => performance.now();
  const store = { engine, fleet };
  const followed = followFleet(store, { nowMs: uptimeMs, random: Math.random, proveMs: 200 });
  startController({
    store,
    followed,
    self: { id, version: "test", host: "lab" },
    nowMs: Date.now,
    uptimeMs,
    random: Math.random,
    sha256: (bytes) => createHash("sha256").update(bytes).digest("hex"),
    onNotice: (notice) => {
      const said = "error" in notice ? { ...notice, error: String(notice.error) } : notice;
      process.stdout.write(`${JSON.stringify(said)}\n`);
    },
    pace,
  });
}
