import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { sweepStrays } from "../../../src/agent/reconciler.ts";
import type { PassReport } from "../../../src/agent/report.ts";
import { createCa } from "../../support/tls.ts";
import { bundleDriver, type Driver } from "./bundle-driver.ts";
import {
  type Authorities,
  copyStart,
  createScenario,
  daemonPath,
  finish,
  jobOf,
  look,
  type NodeState,
  type Scenario,
  stateOf,
  type Views,
} from "./crash-scenario.ts";
import { driveNode } from "./driven-node.ts";
import { readDaemon, writeDaemon } from "./file-containerd.ts";
import type { Pulls } from "./read-pulls.ts";
import { describeCall, type FileCall, listCalls, runWithFault, straceSkipReason } from "./trace-calls.ts";

const skip = straceSkipReason() ?? false;
const directory = mkdtempSync(join(tmpdir(), "mirrorlet-crash-"));
let driver: Driver;
let authorities: Authorities;

before(async () => {
  if (skip !== false) return;
  driver = await bundleDriver();
  const [old, fresh] = await Promise.all([createCa("old"), createCa("fresh")]);
  authorities = { old: old.cert, fresh: fresh.cert };
});

after(async () => {
  await driver?.remove();
  rmSync(directory, { recursive: true, force: true });
});

test("crash anywhere: killed at any call of a pass that writes registries and config.toml", {
  skip,
}, async (t) => {
  const options = { directory, version: "2.1.9", authorities, inForce: true };
  await sweep(await createScenario("changed", options), { wanted: ALL, strike: kill }, t);
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

test("errors anywhere: the disk fails at a call of the pass", { skip }, async (t) => {
  const options = { directory, version: "2.1.9", authorities, inForce: true };
  const scenario = await createScenario("disk fails", options);
  const outcomes = new Map<string, number>();
  const fails = async (command: readonly string[], root: string, call: FileCall, index: number) => {
    const error = ERRORS[index % ERRORS.length] ?? "EIO";
    const outcome = await failAt(command, root, call, error);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    return "struck" as const;
  };
  await sweep(scenario, { wanted: DURABLE, strike: fails }, t);
  t.diagnostic(
    `errors by turns: ${ERRORS.join(", ")}; outcomes: ${JSON.stringify(Object.fromEntries(outcomes))}`,
  );
  assert.ok((outcomes.get("failed") ?? 0) > 5, "faults reach the pass");
});

const ERRORS = ["ENOSPC", "EIO", "EROFS", "EDQUOT"];
const DURABLE = ({ name, path }: FileCall): boolean =>
  ["openat", "fsync", "rename"].includes(name) && !path.startsWith("/model-");

/** The agent lives, and says what it could not do, where and why. Strokes that it can do without go unnoticed. */
async function failAt(
  command: readonly string[],
  root: string,
  call: FileCall,
  error: string,
): Promise<string> {
  const ended = await runWithFault(command, root, call, `error=${error}`);
  assert.equal(ended.status, 0, `the agent ended with ${ended.status ?? ended.signal}`);
  const { outcome, conditions, restarts } = JSON.parse(ended.stdout) as PassReport;
  const message = conditions.map((condition) => condition.message).join("; ");
  if (outcome === "failed") assert.match(message, new RegExp(`cannot \\w.* /\\S+: .*\\(${error}\\)`));
  else assert.match(outcome, /^(applied|deferred)$/, message);
  assert.ok(restarts.length <= 1, "no restart is wasted");
  return outcome;
}

async function kill(command: readonly string[], root: string, call: FileCall): Promise<"struck" | "missed"> {
  const { signal } = await runWithFault(command, root, call, "signal=SIGKILL");
  return signal === "SIGKILL" ? "struck" : "missed";
}

const ALL = (): boolean => true;
/** The calls between which a tree differs for its readers, and those that make it durable. */
const SWITCHING = ({ name }: FileCall): boolean => ["rename", "unlink", "rmdir", "mkdir"].includes(name);

interface Reference {
  readonly before: Views;
  /** What the pass is after, whether or not containerd takes it. */
  readonly forward: Views;
  readonly after: Views;
  readonly start: NodeState;
  readonly end: NodeState;
  /** Every config.toml that was seen. */
  readonly configs: Set<string>;
}

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
  readonly wanted: (call: FileCall) => boolean;
  readonly strike: (
    command: readonly string[],
    root: string,
    call: FileCall,
    index: number,
  ) => Promise<"struck" | "missed">;
}

async function sweep(scenario: Scenario, { wanted, strike }: Trial, t: TestContext): Promise<void> {
  const root = join(directory, "node");
  const forward = await lookAtSuccess(scenario, root);
  copyStart(scenario, root);
  const atStart = { before: await look(scenario, root), start: stateOf(root) };
  const calls = await listCalls(commandFor(scenario, root), join(directory, "log"), root);
  await finish(scenario, root);
  const atEnd = { after: await look(scenario, root), end: stateOf(root) };
  const reference = { ...atStart, forward, ...atEnd, configs: new Set<string>() };
  const points = calls.filter(wanted);
  assert.ok(points.length > 20, "too few calls: is the trace read rightly?");
  const failures: string[] = [];
  let missed = 0;
  const queue = [...points.entries()];
  const work = async (place: string): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, call] = next;
      const found = await strikeOnce(
        scenario,
        place,
        () => strike(commandFor(scenario, place), place, call, index),
        reference,
      );
      if (found === "missed") missed += 1;
      else if (found !== undefined) failures.push(`at ${describeCall(call)}:\n${found}`);
    }
  };
  await Promise.all([work(`${root}-a`), work(`${root}-b`)]);
  t.diagnostic(`${points.length} points of ${calls.length} calls, ${missed} not reached again`);
  assert.equal(
    failures.length,
    0,
    `${failures.length} of ${points.length}:\n${failures.slice(0, 5).join("\n\n")}`,
  );
  assert.ok(reference.configs.size <= 2, "config.toml is the old one or the new one, whole");
  assert.ok(missed * 20 <= points.length, `${missed} of ${points.length} points were not reached`);
}

function commandFor(scenario: Scenario, root: string): readonly string[] {
  const path = `${root}.job.json`;
  writeFileSync(path, JSON.stringify(jobOf(scenario, root)));
  return [process.execPath, driver.path, path];
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

/** Every namespace is read as it was before or as it is to be; closed ones stay closed under the new config.toml. */
function assertKnownReadings(left: Views, state: NodeState, reference: Reference): void {
  const { before, forward, after, start, configs } = reference;
  const config = state.files[CONFIG] ?? "";
  configs.add(config);
  assertOneOf(left.running, [before.running, forward.running, after.running]);
  const old = config === start.files[CONFIG];
  const asBefore = old ? [before.restarted, after.restarted] : [before.running];
  assertOneOf(left.restarted, [...asBefore, forward.restarted]);
}

const CONFIG = "/etc/containerd/config.toml";

function assertOneOf(read: Pulls, known: readonly Pulls[]): void {
  for (const [namespace, told] of Object.entries(read)) {
    const allowed = known.map((pulls) => pulls[namespace]);
    assert.ok(
      allowed.includes(told),
      `${namespace} is read as\n${told}\nbut should be one of\n${allowed.join("\n")}`,
    );
  }
}

/** The same tree and record as when nothing happened, and at most one restart more than needed. */
function assertFinished({ files, record, daemon }: NodeState, { end, start }: Reference): void {
  assert.deepEqual(record, end.record);
  assert.deepEqual(files, end.files);
  assert.equal(daemon.running, end.daemon.running);
  assert.equal(daemon.environment, end.daemon.environment);
  assert.ok(daemon.alive && daemon.criReady, "containerd is well");
  const needed = end.daemon.restarts - start.daemon.restarts;
  const done = daemon.restarts - start.daemon.restarts;
  // Whether a restart has happened is told by the socket; a daemon that did not come up has none.
  const repeated = end.daemon.refuses === undefined ? 0 : 1;
  assert.ok(done >= needed && done <= needed + repeated, `${done} restarts where ${needed} are needed`);
}

async function lookAtSuccess(scenario: Scenario, root: string): Promise<Views> {
  copyStart(scenario, root);
  const { refuses, ...willing } = readDaemon(daemonPath(root));
  writeDaemon(daemonPath(root), willing);
  await finish(scenario, root);
  return look(scenario, root);
}
