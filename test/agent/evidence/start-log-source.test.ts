import assert from "node:assert/strict";
import { test } from "node:test";
import { startLogSource } from "../../../src/agent/evidence/start-log-source.ts";
import type { LogFollower, UnitLog } from "../../../src/agent/evidence/unit-log.ts";
import type { Containerd } from "../../../src/agent/ports.ts";
import type { SourceState } from "../../../src/core/evidence/evidence-report.ts";
import { createManualClock } from "../manual-clock.ts";

const NOT_READ =
  'level=error msg="failed to decode hosts.toml" error="invalid `host` tree" path=/etc/containerd/certs.d/gcr.io/hosts.toml';

test("a log that can be read but not followed is looked at from place to place, and is not called up for it", async () => {
  const clock = createManualClock();
  const asked: (string | undefined)[] = [];
  const states: Omit<SourceState, "source">[] = [];
  const warnings: string[] = [];
  /** Three times it has no more than a place; then it is followed. */
  const unitLog: UnitLog = {
    follow(follower: LogFollower, signal) {
      asked.push(follower.after);
      follower.onOpen();
      if (asked.length === 4)
        return new Promise((resolve) => signal.addEventListener("abort", () => resolve("stopped")));
      if (asked.length === 2) follower.onEntry({ atMs: 1, text: NOT_READ, cursor: "line" });
      follower.onPlace(`place ${asked.length}`);
      return Promise.resolve("no inotify");
    },
  };
  const source = startLogSource({
    ports: {
      containerd: { version: async () => undefined } as unknown as Containerd,
      clock,
      log: { debug() {}, info() {}, warn: (_fields, text) => warnings.push(text), error() {} },
    },
    unitLog,
    sink: { notice() {}, logged() {}, source: ({ source: _, ...state }) => states.push(state) },
  });
  await clock.pass(1_000);
  await clock.pass(2_000);
  await clock.pass(4_000);
  assert.deepEqual(asked, [undefined, "place 1", "place 2", "place 3"]);
  assert.match(warnings.join("\n"), /does not read/);
  const downs = () => states.map(({ up }) => up);
  assert.deepEqual(downs(), [false, true, false], "up once, at the first start, and down from then on");
  assert.match(states.at(-1)?.message ?? "", /no inotify; it is read from time to time instead/);
  await clock.pass(2_000);
  assert.deepEqual(downs(), [false, true, false, true], "it is followed");
  await source.stop();
});

test("where nothing can be started, the source says why and goes on trying", async () => {
  const clock = createManualClock();
  const states: string[] = [];
  let tries = 0;
  const source = startLogSource({
    ports: {
      containerd: {
        version: async () => {
          tries++;
          throw new Error("EMFILE: too many open files");
        },
      } as unknown as Containerd,
      clock,
      log: { debug() {}, info() {}, warn() {}, error() {} },
    },
    unitLog: { follow: async () => "never reached" },
    sink: { notice() {}, logged() {}, source: ({ message }) => states.push(message) },
  });
  await clock.pass(1_000);
  await clock.pass(2_000);
  assert.equal(tries, 3);
  assert.match(states.at(-1) ?? "", /too many open files/);
  await source.stop();
});
