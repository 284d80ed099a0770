import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { FailureKind, PassReport } from "../../../src/agent/report.ts";
import { isFullSweep } from "../../support/sweep.ts";
import { bundleDriver, type Driver } from "./bundle-driver.ts";
import {
  assertFinished,
  assertKnownReadings,
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
  look,
  type Scenario,
  stateOf,
} from "./crash-scenario.ts";
import { sampleOf } from "./sample.ts";
import { describeCall, type FileCall, runWithFault, straceSkipReason } from "./trace-calls.ts";

const skip = straceSkipReason() ?? false;
const directory = mkdtempSync(join(tmpdir(), "mirrorlet-errors-"));
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

/** As `mirrorlet_pass_failures_total` has them. */
const CAUSES: Readonly<Record<string, FailureKind>> = {
  ENOSPC: "no-space",
  EIO: "io",
  EROFS: "read-only",
  EDQUOT: "no-space",
  EMFILE: "too-many-files",
  EINTR: "interrupted",
  EPERM: "denied",
  EBUSY: "busy",
  EXDEV: "other-device",
};
const ERRORS = Object.keys(CAUSES);

/** How a call of the pass goes wrong; `short`: a write that takes nothing of what it is given, which is no error. */
interface Fault {
  readonly call: FileCall;
  readonly error: string;
}

for (const [name, version, inForce, seed] of [
  ["changed", "2.1.9", true, 1],
  ["first", "1.6.20", false, 2],
] as const) {
  test(`errors anywhere: the system fails at a call of a ${name} pass`, { skip }, async (t) => {
    const scenario = await createScenario(name, { directory, version, authorities, inForce });
    const root = join(directory, `${name}-node`);
    const { reference, calls } = await refer(scenario, driver, {
      root,
      log: join(directory, "log"),
      reading: true,
    });
    const all = calls.filter(({ path }) => !path.startsWith("/model-")).flatMap(faultsAt);
    const faults = isFullSweep ? all : sampleOf(all, 30, seed);
    const outcomes = new Map<string, number>();
    const failures = await tryEach(faults, [`${root}-a`, `${root}-b`], async (fault, place) => {
      const found = await failOnce(scenario, place, fault, reference);
      outcomes.set(found.outcome, (outcomes.get(found.outcome) ?? 0) + 1);
      return found.trouble && `${fault.error} at ${describeCall(fault.call)}:\n${found.trouble}`;
    });
    t.diagnostic(`${faults.length} of ${all.length} faults: ${JSON.stringify(Object.fromEntries(outcomes))}`);
    assert.equal(failures.length, 0, tellFailures(failures, faults.length));
    assert.ok((outcomes.get("failed") ?? 0) > 5, "faults reach the pass");
    assert.ok(reference.configs.size <= 2, "config.toml is the old one or the new one, whole");
  });
}

function faultsAt(call: FileCall): readonly Fault[] {
  const short = ["write", "pwrite64"].includes(call.name) ? [{ call, error: "short" }] : [];
  const errors = call.isReading ? ERRORS_OF_READING : ERRORS;
  return [...errors.map((error) => ({ call, error })), ...short];
}

/** Nothing that is read finds a disk full. */
const ERRORS_OF_READING = ["EIO", "EMFILE", "EINTR", "EPERM"];

/** The agent lives, and says what it could not do, where and why. Strokes that it can do without go unnoticed. */
async function failOnce(
  scenario: Scenario,
  root: string,
  { call, error }: Fault,
  reference: Reference,
): Promise<{ readonly outcome: string; readonly trouble?: string }> {
  let outcome = "dead";
  try {
    copyStart(scenario, root);
    const injected = error === "short" ? "retval=0" : `error=${error}`;
    const ended = await runWithFault(commandFor(scenario, driver, root), root, call, injected);
    assert.equal(ended.status, 0, `the agent ended with ${ended.status ?? ended.signal}`);
    const report = JSON.parse(ended.stdout) as PassReport;
    outcome = report.outcome;
    const message = report.conditions.map((condition) => condition.message).join("; ");
    if (outcome === "failed") {
      assert.match(message, new RegExp(`cannot \\w.* /\\S*: .*\\(${error}\\)`));
      assert.equal(report.failure, CAUSES[error]);
    } else assert.match(outcome, /^(applied|deferred)$/, message);
    assert.ok(report.restarts.length <= 1, "no restart is wasted");
    assertKnownReadings(await look(scenario, root), stateOf(root), reference);
    await finish(scenario, root);
    assertFinished(stateOf(root), reference);
    return { outcome };
  } catch (trouble) {
    return { outcome, trouble: trouble instanceof Error ? trouble.message : String(trouble) };
  }
}
