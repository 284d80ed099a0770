import assert from "node:assert/strict";
import { test } from "node:test";
import { createEvidenceKeeper } from "../../../src/agent/evidence/evidence-keeper.ts";
import type { LogFields } from "../../../src/agent/ports.ts";
import type { PassReport } from "../../../src/agent/report.ts";
import {
  gcr,
  hit,
  hitsOfBypass,
  notice,
  probe,
  request,
  T0,
  tracedPull,
} from "../../core/evidence/support/evidence.ts";
import { passReport } from "../../edge/status-page/states.ts";

const second = 1000;

/** A keeper on a clock that is moved by hand, and what it logged. */
function keeperOn(watched = [gcr], more: Partial<PassReport> = {}, witness = true) {
  // The agent has been here for some time.
  let nowMs = T0 - 3600 * second;
  let setByMs = 0;
  const sleepers = new Set<{ readonly untilMs: number; wake(): void }>();
  const lines: string[] = [];
  const line = (level: string) => (fields: LogFields, message: string) =>
    void lines.push(
      `${level} ${fields["registry"] ?? ""} ${fields["verdict"] ?? fields["error"]}: ${message}`,
    );
  const clock = {
    now: () => nowMs + setByMs,
    uptimeMs: () => nowMs - T0 + 7200 * second,
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        const sleeper = { untilMs: nowMs + ms, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", () => {
          sleepers.delete(sleeper);
          reject(signal.reason);
        });
      }),
  };
  let turns = 0;
  const keeper = createEvidenceKeeper({
    clock,
    log: { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") },
    expected: ["witness"],
    onTurn: () => turns++,
  });
  keeper.passed(passReport({ registries: watched, ...more }));
  if (witness) keeper.sink.source({ source: "witness", up: true, message: "" });
  nowMs = T0;
  return {
    keeper,
    lines,
    turns: () => turns,
    sleeping: () => sleepers.size,
    /** Moves the clock, and lets who has slept long enough go on. */
    async advance(ms: number) {
      nowMs += ms;
      for (const sleeper of sleepers)
        if (sleeper.untilMs <= nowMs && sleepers.delete(sleeper)) sleeper.wake();
      await new Promise<void>((resolve) => setImmediate(resolve));
    },
    /** Sets the wall clock; no time passes. */
    setClock(byMs: number) {
      setByMs += byMs;
    },
    verdict: () => keeper.report().registries[0]?.verdict.name,
  };
}

test("a pull that waits for hits is booked when its time has come, without anybody asking", async () => {
  const { keeper, lines, advance, turns } = keeperOn();
  for (const one of hitsOfBypass(T0)) keeper.sink.witnessed(one);
  keeper.sink.notice(notice(T0));
  await advance(1 * second);
  assert.deepEqual([lines, turns()], [[], 0]);
  await advance(1 * second);
  assert.deepEqual(lines, [
    "warn gcr.io bypassed: team/app:1.0 came from gcr.io: no mirror served its manifest and 2 of its blobs",
  ]);
  assert.equal(turns(), 1);
});

test("a wall clock that is set makes nothing older, and nothing of the future", async () => {
  const day = 86_400 * second;
  for (const byMs of [3 * day, -3 * day]) {
    const { keeper, setClock, advance } = keeperOn();
    keeper.sink.pull(tracedPull(T0, "mirror"));
    keeper.sink.probed(probe(T0, true));
    await advance(10 * second);
    setClock(byMs);
    const atMs = T0 + byMs + 10 * second;
    const [registry] = keeper.report().registries;
    assert.equal(registry?.verdict.name, "mirrored");
    assert.deepEqual([registry?.verdict.lastMs, registry?.lastMirrorPullMs], [T0 + byMs, T0 + byMs]);
    assert.deepEqual(
      keeper.recentPulls().map(({ endedMs }) => endedMs),
      [T0 + byMs],
    );
    keeper.sink.probed(probe(atMs, false));
    assert.equal(keeper.report().registries[0]?.probes[0]?.ok, false, "a new probe is newer");
    keeper.sink.pull(tracedPull(atMs + 2 * second, "upstream"));
    await advance(5 * second);
    assert.equal(keeper.report().registries[0]?.verdict.name, "bypassed");
  }
});

test("a pull under way while the wall clock is set proves nothing by what nobody saw", async () => {
  for (const byMs of [3600 * second, -3600 * second]) {
    const { keeper, setClock, advance } = keeperOn();
    keeper.sink.source({ source: "trace", up: true, message: "" });
    keeper.sink.witnessed(hit(T0, { method: "GET", kind: "blob" }));
    await advance(10 * second);
    setClock(byMs);
    keeper.sink.pull(tracedPull(T0 + second, "mirror", { startedMs: T0 - second }));
    const told = { startedMs: T0 - second, reference: "gcr.io/team/app:2" };
    keeper.sink.notice(notice(T0 + second, told));
    await advance(20 * second);
    assert.equal(keeper.report().registries[0]?.verdict.name, "unproven");
  }
});

test("a mirror that ceases to answer, and answers again, is told once each", () => {
  const { keeper, turns } = keeperOn();
  const told = [true, false, false, true, true].map((ok, round) => {
    keeper.sink.probed(probe(T0 + round, ok));
    return turns();
  });
  assert.deepEqual(told, [0, 1, 1, 2, 2]);
});

test("a verdict that gets better by the end of the grace period is told then", async () => {
  const { keeper, lines, advance } = keeperOn();
  keeper.sink.pull(tracedPull(T0, "upstream", { reason: "mirror:5000 answered 500" }));
  await advance(5 * second);
  keeper.sink.pull(tracedPull(T0 + 5 * second, "mirror"));
  await advance(24 * second);
  assert.equal(lines.length, 1);
  await advance(1 * second);
  assert.deepEqual(
    lines.at(-1),
    "info gcr.io mirrored: team/app:1.0 came from mirrors: nothing was asked beyond them",
  );
});

test("a pull of which only the witness tells is booked in its time, too", async () => {
  const { keeper, lines, advance } = keeperOn([{ ...gcr, upstream: "never" }]);
  keeper.sink.witnessed(hit(T0, { method: "GET", kind: "blob" }));
  await advance(15 * second);
  assert.deepEqual(lines, [
    "warn gcr.io failing: team/app could not be pulled: no mirror served one of its blobs",
  ]);
});

test("at rest nothing is timed but the age of what is known, and after the end nothing at all", async () => {
  const { keeper, sleeping } = keeperOn();
  assert.equal(sleeping(), 0);
  keeper.sink.pull(tracedPull(T0, "mirror"));
  for (let i = 0; i < 100; i++) {
    keeper.sink.request(request());
    keeper.sink.probed(probe(T0, true));
  }
  assert.equal(sleeping(), 1);
  keeper.stop();
  await new Promise<void>((resolve) => setImmediate(resolve));
  assert.equal(sleeping(), 0);
});

test("no hits prove nothing while our hosts.toml is not what containerd reads", async () => {
  const conflict = [
    { namespace: "gcr.io", path: "/etc/containerd/certs.d/gcr.io/hosts.toml", reason: "is not ours" },
  ];
  const pending = [{ type: "Reconciling", message: "containerd has not been restarted" }] as const;
  for (const [more, name] of [
    [{}, "mirrored"],
    [{ conflicts: conflict }, "unproven"],
    [{ conditions: pending }, "unproven"],
  ] as const) {
    const { keeper, advance, verdict } = keeperOn([gcr], more);
    keeper.sink.notice(notice(T0));
    await advance(5 * second);
    assert.equal(verdict(), name);
  }
});

test("a pass that does not know what is in force changes nothing", () => {
  const { keeper, verdict } = keeperOn();
  keeper.sink.pull(tracedPull(T0, "mirror"));
  keeper.passed(passReport({ outcome: "failed" }));
  assert.equal(verdict(), "mirrored");
  keeper.passed(passReport({ registries: [] }));
  assert.deepEqual(keeper.report().registries, []);
});

test("a source that was started is silent until it tells how it is, well or not", () => {
  const { keeper } = keeperOn([gcr], {}, false);
  assert.deepEqual(keeper.silentSources(), ["witness"]);
  keeper.sink.source({ source: "witness", up: false, message: "the address is in use" });
  assert.deepEqual(keeper.silentSources(), []);
});

test("whatever a source sends, nothing is thrown at it", () => {
  const { keeper, lines } = keeperOn();
  const nonsense = undefined as never;
  keeper.sink.request(nonsense);
  keeper.sink.pull(nonsense);
  keeper.sink.notice(nonsense);
  keeper.sink.witnessed(nonsense);
  keeper.sink.logged(nonsense);
  keeper.sink.probed(nonsense);
  assert.equal(lines.length, 6);
  assert.ok(
    lines.every((line) => line.startsWith("error  TypeError")),
    lines.join("\n"),
  );
});
