import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { decodeApplyRecord } from "../../../src/agent/apply-record.ts";
import { decodeLastKnownGood } from "../../../src/agent/last-known-good.ts";
import { decodeOriginalIndex } from "../../../src/agent/originals.ts";
import { isFullSweep } from "../../support/sweep.ts";
import { bundleDriver, type Driver } from "./bundle-driver.ts";
import {
  assertFinished,
  assertOneOf,
  CONFIG,
  commandFor,
  type Reference,
  refer,
  tellFailures,
} from "./crash-reference.ts";
import {
  type Authorities,
  copyStart,
  createAuthorities,
  createRestore,
  createScenario,
  daemonPath,
  finish,
  look,
  type NodeState,
  type Scenario,
  stateOf,
} from "./crash-scenario.ts";
import { sha256 } from "./driven-node.ts";
import { writeDaemon } from "./file-containerd.ts";
import { CUT_KINDS, type Cut, createLossyDisk, DISKS, type LossyDisk } from "./lossy-disk.ts";
import { configOnDisk } from "./read-pulls.ts";
import { sampleOf } from "./sample.ts";
import { describeCall, type FileCall, runWithFault, runWithout, straceSkipReason } from "./trace-calls.ts";

/*
 * The power is cut at a call of a pass: the process ends there, and what the file system has not got on the disk by
 * then is gone. After the boot each file is the old or the new one, containerd starts on it, and the agent goes on.
 */

const skip = straceSkipReason() ?? false;
const directory = mkdtempSync(join(tmpdir(), "mirrorlet-power-"));
let driver: Driver;
let scenarios: readonly Known[] = [];

interface Known {
  readonly scenario: Scenario;
  readonly reference: Reference;
  readonly calls: readonly FileCall[];
}

before(async () => {
  if (skip !== false) return;
  driver = await bundleDriver();
  const root = join(directory, "node");
  for (const scenario of await createScenarios(await createAuthorities()))
    scenarios = [
      ...scenarios,
      { scenario, ...(await refer(scenario, driver, { root, log: join(directory, "log") })) },
    ];
});

after(async () => {
  await driver?.remove();
  rmSync(directory, { recursive: true, force: true });
});

async function createScenarios(authorities: Authorities): Promise<readonly Scenario[]> {
  const common = { directory, version: "2.1.9", authorities };
  const refuses = { pattern: "config_path", how: "start" } as const;
  return [
    await createScenario("first", { ...common, version: "1.6.20", inForce: false }),
    await createScenario("changed", { ...common, inForce: true }),
    await createScenario("rolled back", { ...common, version: "1.7.24", inForce: true, refuses }),
    await createRestore({ ...common, inForce: true }),
  ];
}

/** A moment of a scenario; undefined: right after its end. */
interface Moment {
  readonly call: FileCall | undefined;
  readonly cut: Cut;
}

/** The two that keep least of their own accord; all in a whole sweep. */
const disks = isFullSweep
  ? DISKS
  : DISKS.filter(({ name }) => name === "ext4, noauto_da_alloc" || name === "xfs");

for (const kind of disks) {
  test(`power loss on ${kind.name}: old or new, gone on with after the boot`, { skip }, async (t) => {
    const disk = createLossyDisk(kind);
    if (typeof disk === "string") return t.skip(disk);
    t.after(() => disk.remove());
    let total = 0;
    for (const known of scenarios) total += await cutAtEach(known, disk, t);
    t.diagnostic(`${total} cuts`);
    return undefined;
  });

  test(`power loss on ${kind.name}: a disk whose fsync does nothing is found out`, { skip }, async (t) => {
    const disk = createLossyDisk(kind);
    if (typeof disk === "string") return t.skip(disk);
    t.after(() => disk.remove());
    const changed = scenarios[1] as Known;
    for (const what of ["files", "directories"] as const) {
      const lost = what === "files" ? /^empty: / : /^old: /m;
      // Whoever calls sync(2) on this machine at that moment has it written back all the same.
      let found = await lieAbout(what, changed, disk);
      for (let more = 4; more > 0 && !lost.test(found ?? ""); more--)
        found = await lieAbout(what, changed, disk);
      assert.match(found ?? "nothing was lost", lost, what);
      t.diagnostic(`${what}: ${found}`);
    }
    return undefined;
  });
}

/** fsync does nothing for files, or for directories; the end of the pass is told, and then the power is cut. */
async function lieAbout(
  what: "files" | "directories",
  { scenario, reference, calls }: Known,
  disk: LossyDisk,
): Promise<string | undefined> {
  const root = join(disk.mountPoint, "node");
  const written = new Set(calls.filter(({ name }) => name === "write").map(({ path }) => path));
  const synced = calls.filter(
    ({ name, path }) => name === "fsync" && written.has(path) === (what === "files"),
  );
  const paths = synced.map(({ path }) => `${root}${path}`);
  const run = async (): Promise<void> => {
    const { stdout } = await runWithout(commandFor(scenario, driver, root), "fsync", paths);
    assert.match(stdout, /"outcome":"applied"/);
  };
  return cutOnce({ scenario, reference, disk, root, run, told: true, cut: "nothing" });
}

async function cutAtEach(
  { scenario, reference, calls }: Known,
  disk: LossyDisk,
  t: TestContext,
): Promise<number> {
  const root = join(disk.mountPoint, "node");
  const moments = momentsOf(calls.filter(({ path }) => !path.startsWith("/model-")));
  const failures: string[] = [];
  for (const { call, cut } of moments) {
    const run = async (): Promise<void> => {
      const [program = "", ...args] = commandFor(scenario, driver, root);
      if (call === undefined) await promisify(execFile)(program, args);
      else await runWithFault([program, ...args], root, call, "signal=SIGKILL");
    };
    const found = await cutOnce({ scenario, reference, disk, root, run, told: call === undefined, cut });
    const where = call === undefined ? "the end" : describeCall(call);
    if (found !== undefined) failures.push(`${scenario.name}, cut at ${where}, ${cut} written:\n${found}`);
  }
  assert.equal(failures.length, 0, tellFailures(failures, moments.length));
  t.diagnostic(`${scenario.name}: ${moments.length} cuts at ${calls.length} calls`);
  return moments.length;
}

/** Which of them, and how the disk goes, by turns; the end is always among them, with nothing written back. */
function momentsOf(calls: readonly FileCall[]): readonly Moment[] {
  const each = isFullSweep ? calls : sampleOf(calls, 3, 20261127);
  const cutAt = (index: number): Cut => CUT_KINDS[index % 6 === 0 ? 0 : index % 3 === 0 ? 1 : 2] as Cut;
  const moments = each.map((call, index): Moment => ({ call, cut: cutAt(index) }));
  return [...moments, { call: undefined, cut: "nothing" }];
}

interface Trial {
  readonly scenario: Scenario;
  readonly reference: Reference;
  readonly disk: LossyDisk;
  readonly root: string;
  readonly run: () => Promise<void>;
  /** The agent has said that it is done. */
  readonly told: boolean;
  readonly cut: Cut;
}

/** What is wrong after the boot; undefined: nothing. */
async function cutOnce(trial: Trial): Promise<string | undefined> {
  const { scenario, reference, disk, root, run, told, cut } = trial;
  copyStart(scenario, root);
  disk.sync();
  await run();
  disk.cutPower(cut);
  try {
    boot(root, reference);
    const left = stateOf(root);
    if (told) assertLasting(left, reference);
    assertWhole(root, left, reference);
    const { restarted } = await look(scenario, root);
    assertOneOf(restarted, readingsAfterBoot(left, reference));
    const { restarts } = left.daemon;
    await finish(scenario, root);
    const { daemon, ...found } = stateOf(root);
    const more = daemon.restarts - restarts;
    const needed = reference.end.daemon.restarts - reference.start.daemon.restarts;
    assert.ok(more <= needed, `${more} restarts after the boot where ${needed} are needed without one`);
    // The boot itself started containerd once.
    assertFinished({ ...found, daemon: { ...daemon, restarts: reference.end.daemon.restarts } }, reference);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** containerd starts with the node, on what is there. */
function boot(root: string, { start }: Reference): void {
  const running = configOnDisk(root);
  const { refuses } = start.daemon;
  const refused = refuses !== undefined && new RegExp(refuses.pattern).test(running ?? "");
  const daemon = { ...start.daemon, restarts: start.daemon.restarts + 1, running, startedMs: Date.now() };
  writeDaemon(daemonPath(root), { ...daemon, alive: !refused, criReady: !refused });
}

function readingsAfterBoot({ files }: NodeState, { before, forward, after, start }: Reference) {
  const old = files[CONFIG] === start.files[CONFIG];
  return [old ? before.restarted : before.running, after.restarted, forward.restarted];
}

/** No file is empty, torn or of other bytes than before or after; the agent's own open. */
function assertWhole(root: string, { files }: NodeState, reference: Reference): void {
  const { start, end, forwardState } = reference;
  const read = (path: string): Buffer | undefined =>
    existsSync(join(root, path)) ? readFileSync(join(root, path)) : undefined;
  for (const [path, content] of Object.entries(files)) {
    if (/mirrorlet-tmp-|mirrorlet-candidate/.test(path)) continue; // swept, and read by nobody
    if (path.startsWith(STATE)) continue;
    const allowed = [start.files[path], end.files[path], forwardState.files[path]];
    assert.ok(allowed.includes(content), `${path} is neither old nor new: ${JSON.stringify(content)}`);
  }
  const record = read(`${STATE}apply-record.json`);
  if (record !== undefined) assert.ok(decodeApplyRecord(record, sha256), "the apply record does not open");
  const good = read(`${STATE}last-known-good.json`);
  if (good !== undefined) assert.ok(decodeLastKnownGood(good, sha256), "the last good state does not open");
  const index = read(`${STATE}original/index.json`);
  if (index === undefined) return;
  const entries = decodeOriginalIndex(index, sha256);
  assert.ok(entries, "the index of originals does not open");
  for (const { copy, digest } of entries) {
    if (copy === undefined) continue;
    const bytes = read(copy);
    assert.ok(bytes !== undefined && sha256(bytes) === digest, `${copy} is lost`);
  }
}

const STATE = "/var/lib/mirrorlet/";

/** What the agent said it had done is there without its doing anything again. */
function assertLasting(left: NodeState, { told }: Reference): void {
  const paths = new Set([...Object.keys(told.files), ...Object.keys(left.files)]);
  const lost = [...paths].filter((path) => left.files[path] !== told.files[path]);
  const isEmpty = (path: string): boolean => /^\d+ $/.test(left.files[path] ?? "");
  const empty = lost.filter(isEmpty);
  const old = lost.filter((path) => !isEmpty(path));
  const say = (what: string, some: readonly string[]) =>
    some.length === 0 ? [] : [`${what}: ${some.join(", ")}`];
  assert.ok(lost.length === 0, [...say("empty", empty), ...say("old", old)].join("\n"));
  assert.deepEqual(left.record, told.record);
}
