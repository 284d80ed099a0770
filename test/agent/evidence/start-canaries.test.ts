import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ImageStore } from "../../../src/agent/evidence/image-store.ts";
import { startCanaries } from "../../../src/agent/evidence/start-canaries.ts";
import { yieldToPass } from "../../../src/agent/evidence/yield-to-pass.ts";
import type { Containerd, PullResult } from "../../../src/agent/ports.ts";
import type { PassReport } from "../../../src/agent/report.ts";
import type { SourceState } from "../../../src/core/evidence/evidence-report.ts";
import type { ImageContent } from "../../../src/core/evidence/image-content.ts";
import type { PullNotice } from "../../../src/core/evidence/pull.ts";
import { createManualClock, type ManualClock } from "../manual-clock.ts";

const A = "gcr.io/team/a:1";
const B = "gcr.io/team/b:1";
const MINUTE = 60_000;

/** A containerd whose pulls take a second and bring `bytes`. */
class ModelImages {
  readonly pulls: string[] = [];
  readonly present = new Set<string>();
  bytes = 1000;
  fails: string | undefined;
  instance = "1";
  restarts = 0;
  clock: ManualClock;
  constructor(clock: ManualClock) {
    this.clock = clock;
  }

  containerd(): Containerd {
    const images: ImageStore = {
      records: async (select) =>
        [...this.present]
          .filter(
            (name) => select === "all" || ("name" in select ? select.name === name : select.target === name),
          )
          .map((name) => ({ name, target: name, pinned: false })),
      areUsed: async () => false,
      deleteRecords: async (names) => {
        for (const name of names) this.present.delete(name);
        return { ok: true };
      },
      content: async (name) => this.content(name),
      watch: async () => "no events",
    };
    const unused = async (): Promise<never> => assert.fail("not asked for");
    return {
      version: unused,
      dumpConfig: unused,
      unitState: unused,
      startedMs: unused,
      podsInMaking: unused,
      unitAwaitsReload: async () => false,
      reloadUnits: unused,
      tracesEnvironment: unused,
      exporter: unused,
      restart: async () => {
        this.restarts++;
        return { ok: true };
      },
      instance: async () => this.instance,
      health: async () => ({ reachable: true, criReady: true, failedPlugins: [] }),
      pullImage: (image, _timeoutMs, signal) => this.pull(image, signal),
      images,
    };
  }

  private async pull(image: string, signal: AbortSignal): Promise<PullResult> {
    this.pulls.push(image);
    try {
      await this.clock.sleep(1000, signal);
    } catch {
      return { ok: false, code: "CANCELLED", message: "cancelled" };
    }
    if (this.fails !== undefined) return { ok: false, code: "UNKNOWN", message: this.fails };
    this.present.add(image);
    return { ok: true, imageRef: "sha256:0" };
  }

  private content(name: string): ImageContent {
    const createdMs = this.clock.now();
    return {
      target: name,
      complete: true,
      objects: [{ digest: "sha256:0", kind: "blob", createdMs, bytes: this.bytes }],
    };
  }
}

function open(context: TestContext, intervalMs = 5 * MINUTE) {
  const clock = createManualClock();
  const model = new ModelImages(clock);
  const notices: PullNotice[] = [];
  const states: SourceState[] = [];
  const busy = { now: false };
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const containerd = model.containerd();
  const canaries = startCanaries({
    ports: { containerd, clock, log },
    sink: { notice: (notice) => notices.push(notice), source: (state) => states.push(state) },
    intervalMs,
    random: () => 0.5,
    isBusy: () => busy.now,
  });
  context.after(() => canaries.stop());
  const afterPass = (outcome: PassReport["outcome"], images: readonly string[] | undefined): void =>
    canaries.afterPass({ outcome, ...(images === undefined ? {} : { canaries: images }) } as PassReport);
  return { clock, model, notices, states, busy, canaries, afterPass, containerd };
}

test("canaries are pulled at start, after a change, and every interval", async (context) => {
  const { clock, model, notices, afterPass } = open(context);
  await clock.pass(10 * MINUTE);
  assert.deepEqual(model.pulls, [], "nothing is known yet");
  afterPass("unchanged", [A, B]);
  await clock.pass(10_000);
  assert.deepEqual(model.pulls, [A, B]);
  afterPass("unchanged", [A, B]);
  afterPass("failed", undefined);
  await clock.pass(MINUTE);
  assert.equal(model.pulls.length, 2, "a pass that changed nothing asks for nothing");
  afterPass("applied", [B]);
  await clock.pass(10_000);
  assert.deepEqual(model.pulls.slice(2), [B]);
  await clock.pass(5 * MINUTE);
  assert.deepEqual(model.pulls.slice(3), [B]);
  assert.ok(notices.every(({ ok, from }) => ok && from === "canary"));
  assert.equal(notices.length, model.pulls.length);
});

test("none starts while a pass is at work, and one that runs makes room and comes again", async (context) => {
  const { clock, model, notices, busy, canaries, afterPass, containerd } = open(context);
  const forPass = yieldToPass(containerd, canaries.interrupt);
  busy.now = true;
  afterPass("applied", [A]);
  await clock.pass(MINUTE);
  assert.deepEqual(model.pulls, []);
  busy.now = false;
  await clock.pass(1_000);
  assert.deepEqual(model.pulls, [A]);
  busy.now = true;
  const restarted = forPass.restart(AbortSignal.timeout(10_000));
  assert.equal(model.restarts, 0, "not before the canary is gone");
  await clock.pass(200);
  assert.deepEqual(await restarted, { ok: true });
  await clock.pass(MINUTE);
  assert.deepEqual([model.pulls, notices], [[A], []]);
  busy.now = false;
  await clock.pass(10_000);
  assert.deepEqual(model.pulls, [A, A]);
  assert.equal(notices.length, 1);
});

test("a canary that is not kept on the node moves 64 KiB a second at most, on average", async (context) => {
  const { clock, model, afterPass } = open(context);
  model.bytes = 100 * 1024 * 1024;
  afterPass("applied", [A]);
  await clock.pass(26 * MINUTE);
  assert.equal(model.pulls.length, 1);
  await clock.pass(2 * MINUTE);
  assert.equal(model.pulls.length, 2);
  assert.deepEqual([...model.present], []);
});

test("a pull that a restart of containerd ended is tried again soon, and says nothing", async (context) => {
  const { clock, model, notices, states, afterPass } = open(context);
  model.fails = "connection dropped";
  afterPass("applied", [A]);
  await clock.pass(500);
  model.instance = "2";
  await clock.pass(2_000);
  assert.deepEqual([model.pulls.length, notices.length, states.at(-1)?.up], [1, 0, false]);
  assert.match(states.at(-1)?.message ?? "", /restarted/);
  await clock.pass(15_000);
  assert.deepEqual([model.pulls.length, notices.length, states.at(-1)?.up], [2, 1, true]);
  assert.equal(notices[0]?.error, "connection dropped");
});

test("the state says what is missing", async (context) => {
  const { clock, states, afterPass } = open(context);
  const told = () => [states.at(-1)?.up, states.at(-1)?.message];
  assert.deepEqual(told(), [false, "no pass is over yet"]);
  afterPass("applied", []);
  assert.deepEqual(told(), [false, "the desired state names no canaries"]);
  afterPass("applied", [A]);
  assert.deepEqual(told(), [false, "no canary has been pulled yet"]);
  await clock.pass(5_000);
  assert.deepEqual(told(), [true, ""]);
});
