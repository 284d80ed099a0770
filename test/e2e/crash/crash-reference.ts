import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { Driver } from "./bundle-driver.ts";
import {
  copyStart,
  daemonPath,
  finish,
  jobOf,
  look,
  type NodeState,
  type Scenario,
  stateOf,
  type Views,
} from "./crash-scenario.ts";
import { readDaemon, writeDaemon } from "./file-containerd.ts";
import type { Pulls } from "./read-pulls.ts";
import { type FileCall, type Listing, listCalls } from "./trace-calls.ts";

/** What is seen of a scenario when nothing happens to it; what is seen otherwise is held against this. */
export interface Reference {
  readonly before: Views;
  /** What the pass is after, whether or not containerd takes it. */
  readonly forward: Views;
  readonly forwardState: NodeState;
  readonly after: Views;
  readonly start: NodeState;
  /** After the run itself, of which what is left to do is done until the end. */
  readonly told: NodeState;
  readonly end: NodeState;
  /** Every config.toml that was seen. */
  readonly configs: Set<string>;
}

/** Runs the scenario once without faults, and lists its calls on the way. */
export async function refer(
  scenario: Scenario,
  driver: Driver,
  listing: Listing,
): Promise<{ readonly reference: Reference; readonly calls: readonly FileCall[] }> {
  const { root } = listing;
  await succeed(scenario, root);
  const success = { forward: await look(scenario, root), forwardState: stateOf(root) };
  copyStart(scenario, root);
  const atStart = { before: await look(scenario, root), start: stateOf(root) };
  const calls = await listCalls(commandFor(scenario, driver, root), listing);
  const told = stateOf(root);
  await finish(scenario, root);
  const atEnd = { after: await look(scenario, root), end: stateOf(root) };
  return { reference: { ...atStart, ...success, told, ...atEnd, configs: new Set() }, calls };
}

export function commandFor(scenario: Scenario, driver: Driver, root: string): readonly string[] {
  const path = `${root}.job.json`;
  writeFileSync(path, JSON.stringify(jobOf(scenario, root)));
  return [process.execPath, driver.path, path];
}

export const CONFIG = "/etc/containerd/config.toml";

/** Every namespace is read as it was before or as it is to be; closed ones stay closed under the new config.toml. */
export function assertKnownReadings(left: Views, state: NodeState, reference: Reference): void {
  const { before, forward, after, start, configs } = reference;
  const config = state.files[CONFIG] ?? "";
  configs.add(config);
  assertOneOf(left.running, [before.running, forward.running, after.running]);
  const old = config === start.files[CONFIG];
  const asBefore = old ? [before.restarted, after.restarted] : [before.running];
  assertOneOf(left.restarted, [...asBefore, forward.restarted]);
}

export function assertOneOf(read: Pulls, known: readonly Pulls[]): void {
  for (const [namespace, told] of Object.entries(read)) {
    const allowed = known.map((pulls) => pulls[namespace]);
    assert.ok(
      allowed.includes(told),
      `${namespace} is read as\n${told}\nbut should be one of\n${allowed.join("\n")}`,
    );
  }
}

/** The same tree and record as when nothing happened, and at most one restart more than needed. */
export function assertFinished({ files, record, daemon }: NodeState, { end, start }: Reference): void {
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

async function succeed(scenario: Scenario, root: string): Promise<void> {
  copyStart(scenario, root);
  const { refuses, ...willing } = readDaemon(daemonPath(root));
  writeDaemon(daemonPath(root), willing);
  await finish(scenario, root);
}

/** Two at a time, each in a place of its own; what goes wrong, in the order in which it did. */
export async function tryEach<T>(
  items: readonly T[],
  places: readonly string[],
  attempt: (item: T, place: string) => Promise<string | undefined>,
): Promise<readonly string[]> {
  const failures: string[] = [];
  const queue = [...items];
  const work = async (place: string): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const failure = await attempt(next, place);
      if (failure !== undefined) failures.push(failure);
    }
  };
  await Promise.all(places.map(work));
  return failures;
}

export function tellFailures(failures: readonly string[], points: number): string {
  return `${failures.length} of ${points}:\n${failures.slice(0, 5).join("\n\n")}`;
}
