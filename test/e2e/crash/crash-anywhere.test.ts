import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { sweepStrays } from "../../../src/agent/reconciler.ts";
import { isFullSweep } from "../../support/sweep.ts";
import { bundleDriver, type Driver } from "./bundle-driver.ts";
import {
  assertFinished,
  assertKnownReadings,
  CONFIG,
  commandFor,
  type Reference,
  refer,
  tellFailures,
  tryEach,
} from "./crash-reference.ts";
import {
  type Authorities,
  copyStart,
  createAuthorities,
  createScenario,
  finish,
  jobOf,
  look,
  type Scenario,
  stateOf,
} from "./crash-scenario.ts";
import { driveNode } from "./driven-node.ts";
import { describeCall, type FileCall, runWithFault, straceSkipReason } from "./trace-calls.ts";

const skip = straceSkipReason() ?? false;
const directory = mkdtempSync(join(tmpdir(), "mirrorlet-crash-"));
let driver: Driver;
let authorities: Authorities;

before(async () => {
  if (skip !== false) return;
  driver = await bundleDriver();
  authorities = await createAuthorities();
});

after(async () => {
  await driver?.remove();
  rmSync(directory, { recursive: true, force: true });
});

test("crash anywhere: killed at any call of a pass that writes registries and config.toml", {
  skip,
}, async (t) => {
  const options = { directory, version: "2.1.9", authorities, inForce: true };
  await sweep(await createScenario("changed", options), { wanted: SAMPLED, strike: kill }, t);
});

test("crash anywhere: killed at any call of the first pass on a node", { skip }, async (t) => {
  const options = { directory, version: "1.6.20", authorities, inForce: false };
  await sweep(await createScenario("first", options), { wanted: SWITCHING, strike: kill }, t);
});

test("crash anywhere: killed at any call of the first pass on a node whose traces are switched on along with it", {
  skip,
}, async (t) => {
  const options = { directory, version: "2.1.9", authorities, inForce: false, traces: true };
  await sweep(await createScenario("with traces", options), { wanted: SWITCHING, strike: kill }, t);
});

test("crash anywhere: killed at any call of the passes after containerd did not start with its traces", {
  skip,
}, async (t) => {
  const refuses = { pattern: "OTEL_", how: "start" } as const;
  const options = { directory, version: "2.1.9", authorities, inForce: false, traces: true, refuses };
  await sweep(await createScenario("traces refused", options), { wanted: SWITCHING, strike: kill }, t);
});

for (const [how, inForce] of [
  ["start", false],
  ["cri", true],
] as const) {
  const where = inForce ? "over a state in force" : "on a fresh node";
  const why = how === "start" ? "containerd refuses to start" : "CRI does not load";
  test(`crash anywhere: killed at any call of a pass that is rolled back ${where}: ${why}`, {
    skip,
  }, async (t) => {
    const refuses = { pattern: "config_path", how };
    const options = { directory, version: "1.7.24", authorities, inForce, refuses };
    await sweep(await createScenario(`rolled back ${how}`, options), { wanted: SWITCHING, strike: kill }, t);
  });
}

async function kill(command: readonly string[], root: string, call: FileCall): Promise<"struck" | "missed"> {
  const { signal } = await runWithFault(command, root, call, "signal=SIGKILL");
  return signal === "SIGKILL" ? "struck" : "missed";
}

/** The calls between those are prepared files, which nobody reads yet: every third. */
const SAMPLED = (call: FileCall, at: number): boolean => isFullSweep || SWITCHING(call) || at % 3 === 0;
/** The calls between which a tree differs for its readers, and those that make it durable. */
const SWITCHING = ({ name }: FileCall): boolean => ["rename", "unlink", "rmdir", "mkdir"].includes(name);

test("a candidate of config.toml that a kill left behind goes at the next start, whatever is wanted then", async () => {
  const options = { directory, version: "2.1.9", authorities: { old: "", fresh: "" }, inForce: false };
  const root = join(directory, "candidate-node");
  copyStart(await createScenario("candidate", options), root);
  const path = join(root, `${CONFIG}.mirrorlet-candidate`);
  writeFileSync(path, "a credential");
  const { ports, config } = driveNode(jobOf({ version: "2.1.9" } as Scenario, root));
  await sweepStrays(ports, config);
  assert.equal(existsSync(path), false);
});

interface Trial {
  readonly wanted: (call: FileCall, at: number) => boolean;
  readonly strike: (command: readonly string[], root: string, call: FileCall) => Promise<"struck" | "missed">;
}

async function sweep(scenario: Scenario, { wanted, strike }: Trial, t: TestContext): Promise<void> {
  const root = join(directory, "node");
  const { reference, calls } = await refer(scenario, driver, { root, log: join(directory, "log") });
  const points = calls.filter(wanted);
  assert.ok(points.length > 20, "too few calls: is the trace read rightly?");
  let missed = 0;
  const failures = await tryEach(points, [`${root}-a`, `${root}-b`], async (call, place) => {
    const found = await strikeOnce(
      scenario,
      place,
      () => strike(commandFor(scenario, driver, place), place, call),
      reference,
    );
    if (found === "missed") missed += 1;
    return found === undefined || found === "missed" ? undefined : `at ${describeCall(call)}:\n${found}`;
  });
  t.diagnostic(`${points.length} points of ${calls.length} calls, ${missed} not reached again`);
  assert.equal(failures.length, 0, tellFailures(failures, points.length));
  assert.ok(reference.configs.size <= 2, "config.toml is the old one or the new one, whole");
  assert.ok(missed * 20 <= points.length, `${missed} of ${points.length} points were not reached`);
}

/** Undefined: all is well. */
async function strikeOnce(
  scenario: Scenario,
  root: string,
  strike: () => Promise<"struck" | "missed">,
  reference: Reference,
): Promise<string | undefined> {
  copyStart(scenario, root);
  try {
    if ((await strike()) === "missed") return "missed";
    assertKnownReadings(await look(scenario, root), stateOf(root), reference);
    await finish(scenario, root);
    assertFinished(stateOf(root), reference);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
