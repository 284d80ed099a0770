import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { decodeApplyRecord } from "../../../src/agent/apply-record.ts";
import { runPass } from "../../../src/agent/pass.ts";
import type { PassReport } from "../../../src/agent/report.ts";
import { desired, registry } from "../../agent/desired.ts";
import { bundleDriver, type Driver } from "./bundle-driver.ts";
import { copyStart, createAuthorities, createScenario, jobOf, look, stateOf } from "./crash-scenario.ts";
import { driveNode, type Job, sha256 } from "./driven-node.ts";
import { runWithFault, straceSkipReason } from "./trace-calls.ts";

const skip = straceSkipReason() ?? false;
const directory = mkdtempSync(join(tmpdir(), "mirrorlet-crashing-"));
let driver: Driver;

before(async () => {
  if (skip === false) driver = await bundleDriver();
});

after(async () => {
  await driver?.remove();
  rmSync(directory, { recursive: true, force: true });
});

test("a desired state in whose passes the agent is killed each time is skipped after three; another one, or apply, is not", {
  skip,
}, async () => {
  const authorities = await createAuthorities();
  const options = { directory, version: "2.1.9", authorities, inForce: true };
  const scenario = await createScenario("crashing", options);
  const root = join(directory, "node");
  copyStart(scenario, root);
  const job = jobOf(scenario, root);
  const start = await look(scenario, root);
  // Read by the plan, so that the pass has begun and nothing is written yet.
  const call = { name: "openat", path: "/etc/containerd/certs.d/gcr.io/hosts.toml", nth: 1, isReading: true };
  const run = async (wanted: Job) => {
    writeFileSync(`${root}.job.json`, JSON.stringify(wanted));
    return runWithFault([process.execPath, driver.path, `${root}.job.json`], root, call, "signal=SIGKILL");
  };

  for (let attempt = 1; attempt <= 3; attempt += 1) {
    assert.equal((await run(job)).signal, "SIGKILL", `attempt ${attempt} is killed`);
    assert.equal(triesIn(root), attempt);
  }
  const standing = await passOf(job);
  assert.equal(standing.outcome, "rejected");
  assert.match(standing.conditions[0]?.message ?? "", /was tried 3 times.*skipped until it changes/);
  const { running } = await look(scenario, root);
  for (const namespace of ["gcr.io", "docker.io", "ghcr.io"])
    assert.equal(running[namespace], start.running[namespace], `${namespace} is as in the last good one`);
  assert.equal((await passOf(job)).outcome, "rejected", "and stays so");
  assert.equal(triesIn(root), 3);

  const asked = await runPass({ ...driveNode(job).context, retryQuarantined: true });
  assert.equal(asked.outcome, "applied", JSON.stringify(asked.conditions));
  assert.equal(triesIn(root), undefined);

  const other = {
    ...job,
    desired: {
      ...desired(registry("gcr.io", ["http://10.0.0.1:5000"]), registry("*", ["http://10.0.0.9:5000"])),
      generation: 3,
    },
  };
  assert.equal((await run(other)).signal, "SIGKILL");
  assert.equal((await passOf(other)).outcome, "applied", "one that came through is like any other");
  assert.equal(triesIn(root), undefined);
  assert.equal(stateOf(root).daemon.alive, true);
});

function passOf(job: Job): Promise<PassReport> {
  return runPass(driveNode(job).context);
}

function triesIn(root: string): number | undefined {
  const bytes = readFileSync(join(root, "/var/lib/mirrorlet/apply-record.json"));
  const record = decodeApplyRecord(bytes, sha256);
  assert.ok(record);
  return record.tries?.count;
}
