import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeSoak } from "../../../scripts/lib/soak/judge-soak.ts";
import type { ProcessFigures } from "../../../scripts/lib/soak/measure-process.ts";
import { reportSoak } from "../../../scripts/lib/soak/report-soak.ts";
import type { Rest } from "../../../scripts/lib/soak/rest.ts";
import type { SoakRecord } from "../../../scripts/lib/soak/run-soak.ts";

const MINUTE = 60_000;
const process: ProcessFigures = {
  pid: 7,
  rssMiB: 90,
  threads: 12,
  descriptors: 30,
  inotifyWatches: 12,
  zombies: 0,
};

const memory = { heapMiB: 20, codeMiB: 8, heapTotalMiB: 30, externalMiB: 3 };

function restAt(minute: number, change: Partial<Rest> = {}): Rest {
  return {
    atMs: minute * MINUTE,
    settledMs: 500,
    wrong: [],
    agent: { ...process, ...memory },
    helper: process,
    containerd: process,
    names: ["/etc/containerd", "/tmp"],
    journalBytes: 1_000,
    ...change,
  };
}

const rests = (change: (minute: number) => Partial<Rest> = () => ({})) =>
  Array.from({ length: 60 }, (_, minute) => restAt(minute, change(minute)));

const good: SoakRecord = {
  options: { minutes: 60, seed: 1, containerd: "1.6" },
  installed: "package",
  fromMs: 0,
  toMs: 60 * MINUTE,
  happenings: [{ kind: "restart", by: "agent", fromMs: 10, toMs: 20 }],
  rests: rests(),
  pulls: [],
  wishes: 100,
  repairs: [{ path: "gcr.io/hosts.toml", ms: undefined }],
  repairAtRest: { path: "gcr.io/hosts.toml", ms: 100 },
  configChanges: 0,
  commands: 1,
  oddCommands: [],
  livezMs: [1],
  pages: 1,
  failedPages: [],
  kills: 1,
  agentRestarts: 1,
  watchdogKills: 0,
  verdicts: [{ registry: "gcr.io", verdict: "mirrored", message: "" }],
  health: "200 pass",
  errors: {},
};

const broken = (record: SoakRecord): readonly string[] =>
  judgeSoak(record)
    .filter(({ wrong }) => wrong.length > 0)
    .map(({ name }) => name);

const agent = (change: Partial<ProcessFigures> & { heapMiB?: number; codeMiB?: number }): Partial<Rest> => ({
  agent: { ...process, ...memory, ...change },
});

test("a run in which all held", () => {
  assert.deepEqual(broken(good), []);
  assert.match(reportSoak(good, judgeSoak(good), ""), /^# Soak: all held\n/);
});

const BREAKS: Readonly<Record<string, Partial<SoakRecord>>> = {
  "agent: memory": { rests: rests((minute) => agent({ rssMiB: 90 + minute / 4 })) },
  "agent: JavaScript heap, data": { rests: rests((minute) => agent({ heapMiB: 20 + minute / 4 })) },
  "agent: JavaScript heap, compiled code": {
    rests: rests((minute) => agent({ heapMiB: 20 + minute / 2, codeMiB: 8 + minute / 2 })),
  },
  "agent: descriptors": { rests: rests((minute) => agent({ descriptors: 30 + minute })) },
  "agent: threads": { rests: rests((minute) => agent({ threads: 12 + (minute > 30 ? 1 : 0) })) },
  "agent: inotify watches": { rests: rests((minute) => agent({ inotifyWatches: 12 + minute })) },
  "agent: zombies": { rests: rests(() => agent({ zombies: 1 })) },
  "helper: memory": { rests: rests((minute) => ({ helper: { ...process, rssMiB: 80 + minute / 4 } })) },
  "containerd: descriptors": {
    rests: rests((minute) => ({ containerd: { ...process, descriptors: 18 + minute } })),
  },
  "no file is left behind": {
    rests: rests((minute) => (minute < 59 ? {} : { names: ["/etc/containerd/certs.d/gcr.io/.hosts.tmp"] })),
  },
  "the last desired state is in force": {
    rests: rests((minute) => (minute < 59 ? {} : { settledMs: undefined })),
  },
  "verdicts and health are right at the end": { health: "503 fail" },
  "the agent ends only when it is killed": { agentRestarts: 2 },
  "every page is served": { failedPages: ["/metrics: no answer"] },
  "every command ends as it should": { oddCommands: [{ command: "doctor", status: -1, words: "" }] },
  "/livez answers": { livezMs: Array(2_000).fill(5_000) },
  "files that others damaged are put right": { repairAtRest: { path: "gcr.io/hosts.toml", ms: undefined } },
  "the journal is not flooded": { wishes: 0.01 },
  "restarts of containerd within budget, none for certs.d": {
    happenings: [1, 2].map((i) => ({ kind: "restart", by: "agent", fromMs: i * MINUTE, toMs: i * MINUTE })),
  },
  "pulls failed because of us: 0": {
    pulls: [
      {
        image: "gcr.io/team/app:1",
        registry: "gcr.io",
        exists: true,
        fromMs: 5_000,
        toMs: 6_000,
        deadlineMs: 45_000,
        error: { code: "UNKNOWN", message: "open ca.pem: no such file" },
      },
    ],
  },
};

test("what V8 compiles is no leak", () => {
  const compiled = rests((minute) =>
    agent({ rssMiB: 90 + minute / 4, heapMiB: 20 + minute / 4, codeMiB: 8 + minute / 4 }),
  );
  assert.deepEqual(broken({ ...good, rests: compiled }), []);
});

const WAITED = "deferred: containerd must be restarted";
const restarts = (minutes: readonly number[]): Partial<SoakRecord> => ({
  configChanges: minutes.length - 1,
  happenings: minutes.map((minute) => {
    const atMs = minute * MINUTE;
    return { kind: "restart", by: "agent", fromMs: atMs, toMs: atMs };
  }),
});
const waiting = (waited: string) =>
  rests((minute) => (minute < 55 ? {} : { settledMs: undefined, waited, wrong: ["gcr.io has no file"] }));

test("a pull that a restart cut off is told so, though the daemon was seen to be gone a moment later", () => {
  const pull = { ...(BREAKS["pulls failed because of us: 0"]?.pulls?.[0] ?? assert.fail()), toMs: 9_950 };
  const at = (code: string) => broken({ ...good, pulls: [{ ...pull, error: { code, message: "" } }] });
  const restart = { kind: "restart", by: "agent", fromMs: 10_000, toMs: 10_200 } as const;
  assert.deepEqual(
    broken({
      ...good,
      happenings: [restart],
      pulls: [{ ...pull, error: { code: "UNAVAILABLE", message: "Connection dropped" } }],
    }),
    [],
  );
  assert.deepEqual(at("UNAVAILABLE"), ["pulls failed because of us: 0"]);
  assert.deepEqual(
    broken({ ...good, happenings: [restart], pulls: [{ ...pull, error: { code: "UNKNOWN", message: "" } }] }),
    ["pulls failed because of us: 0"],
  );
});

test("while the hour's restarts are used up nothing has to be in force", () => {
  const spent = restarts([1, 12, 24, 36, 54]);
  assert.deepEqual(broken({ ...good, ...spent, rests: waiting(WAITED) }), []);
});

test("and only then, and only for that", () => {
  const name = "the last desired state is in force";
  const spent = restarts([1, 12, 24, 36, 54]);
  assert.deepEqual(broken({ ...good, ...spent, rests: waiting("failed: no space left") }), [name]);
  assert.deepEqual(broken({ ...good, ...restarts([1, 12, 24, 36]), rests: waiting(WAITED) }), [name]);
});

for (const [name, change] of Object.entries(BREAKS))
  test(`a broken promise is seen, and no other is blamed: ${name}`, () => {
    assert.deepEqual(broken({ ...good, ...change }), [name]);
  });

test("every promise is broken here once", () => {
  const names = judgeSoak(good).map(({ name }) => name);
  const unbroken = names.filter((name) => !(name in BREAKS));
  assert.deepEqual(unbroken, [
    "helper: descriptors",
    "helper: threads",
    "helper: inotify watches",
    "helper: zombies",
  ]);
});

test("a watchdog kill counts though somebody killed the agent too, and three restarts in a minute are too many", () => {
  assert.deepEqual(broken({ ...good, watchdogKills: 1 }), ["the agent ends only when it is killed"]);
  const happenings = [1, 2, 3].map((i) => ({ kind: "restart", by: "agent", fromMs: i, toMs: i }) as const);
  assert.deepEqual(broken({ ...good, happenings, configChanges: 3 }), [
    "restarts of containerd within budget, none for certs.d",
  ]);
});

test("files that others wrote are theirs, and originals are kept of no more than those", () => {
  const names = (...more: readonly string[]) =>
    rests((minute) => (minute < 59 ? {} : { names: ["/etc/containerd", "/tmp", ...more] }));
  const theirs = names("/etc/containerd/certs.d/gcr.io/hosts.toml", "/var/lib/mirrorlet/original/1");
  assert.deepEqual(broken({ ...good, rests: theirs }), []);
  const tooMany = names("/var/lib/mirrorlet/original/1", "/var/lib/mirrorlet/original/2");
  assert.deepEqual(broken({ ...good, rests: tooMany }), ["no file is left behind"]);
});
