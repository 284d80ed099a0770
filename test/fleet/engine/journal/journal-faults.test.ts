import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { EngineError } from "../../../../src/fleet/engine/engine-error.ts";
import type { JournalEngine } from "../../../../src/fleet/engine/journal/journal-engine.ts";
import { scratch, tryMount, undo } from "../../../host/scratch.ts";
import { bytes, eventually, put, text } from "../engine-words.ts";
import { openJournal } from "../open-engine.ts";

test("what a crash left without an end is cut when it is torn", async (t) => {
  const directory = scratch(t);
  await withEngine(directory, async (engine) => {
    await engine.txn({ success: [put("a", "1")] });
    await engine.txn({ success: [put("a", "2".repeat(1_000))] });
  });
  const path = join(directory, "journal");
  const whole = readFileSync(path);
  for (const lost of [2, 20, 500]) {
    truncateSync(path, whole.length - lost);
    await withEngine(directory, async (engine) => {
      assert.equal((await engine.list("a")).revision, 2, "readers do not see it");
      const { revision } = await engine.txn({ success: [put("b", "3")] });
      assert.equal(revision, 3);
      assert.deepEqual(await values(engine), ["1", "3"]);
    });
    assert.equal(readFileSync(path).at(-1), 10, "nothing of it is left");
    await withEngine(directory, async (engine) => assert.deepEqual(await values(engine), ["1", "3"]));
    writeFileSync(path, whole);
  }
});

test("a line that is whole but for its end is kept: it may have been acknowledged", async (t) => {
  const directory = scratch(t);
  await withEngine(directory, (engine) => engine.txn({ success: [put("a", "1")] }));
  const path = join(directory, "journal");
  truncateSync(path, readFileSync(path).length - 1);
  await withEngine(directory, async (engine) => {
    const { revision } = await engine.txn({ success: [put("b", "2")] });
    assert.equal(revision, 3);
    assert.deepEqual(await values(engine), ["1", "2"]);
  });
});

test("a journal that is damaged elsewhere is refused, and left as it is", async (t) => {
  const directory = scratch(t);
  await withEngine(directory, async (engine) => {
    for (const value of ["1", "2", "3"]) await engine.txn({ success: [put("a", value)] });
  });
  const path = join(directory, "journal");
  const broken = readFileSync(path, "latin1").replace(/"key":"a"/, '"key":"b"');
  writeFileSync(path, broken, "latin1");
  await withEngine(directory, async (engine) => {
    const isDamaged = (error: unknown) =>
      error instanceof EngineError && error.code === "damaged" && error.message.includes("line 2");
    await assert.rejects(engine.list("a"), isDamaged);
    await assert.rejects(engine.txn({ success: [put("a", "4")] }), isDamaged);
    const signal = AbortSignal.timeout(60_000);
    await assert.rejects(engine.watch("a", { after: 1, signal, onChanges: () => undefined }), isDamaged);
  });
  assert.equal(readFileSync(path, "latin1"), broken);
});

test("writers that are killed at any moment lose nothing they were told is done", {
  timeout: 180_000,
}, async (t) => {
  const directory = scratch(t);
  const reader = await openJournal({ directory });
  t.after(() => reader.close());
  const seen: string[] = [];
  const stopping = new AbortController();
  t.after(() => stopping.abort());
  const watch = reader.watch("w", {
    after: 1,
    signal: stopping.signal,
    onChanges: (changes) => {
      for (const change of changes)
        if (change.kind === "put") seen.push(`${change.entry.key} ${change.entry.modRevision}`);
    },
  });
  const acknowledged: string[] = [];
  for (let round = 0; round < 4; round++) {
    const writers = [0, 1].map((index) => startDriver(t, directory, `w${round}${index}`));
    for (const writer of writers) writer.onLine((line) => acknowledged.push(line));
    const before = acknowledged.length;
    await eventually(() => acknowledged.length > before + 60 + 20 * round, "both write");
    await Promise.all(writers.map(({ kill }) => kill("SIGKILL")));
  }
  await reader.txn({ success: [put("w/last", "")] });
  await eventually(() => seen.at(-1)?.startsWith("w/last ") === true, "the last");
  const told = new Set(seen);
  assert.deepEqual(
    acknowledged.filter((line) => !told.has(line)),
    [],
  );
  assert.equal(told.size, seen.length, "none twice");
  const revisions = seen.map((line) => Number(line.split(" ")[1]));
  assert.deepEqual(
    revisions,
    revisions.map((_, index) => index + 2),
    "none left out",
  );
  assert.equal((await reader.list("w")).entries.length, seen.length);
  stopping.abort();
  assert.equal(await watch, "aborted");
});

test("what a process held goes as soon as it is gone, whatever the lease's time", {
  timeout: 60_000,
}, async (t) => {
  const directory = scratch(t);
  const driver = startDriver(t, directory, "long", 3_600_000);
  let isHeld = false;
  driver.onLine(() => {
    isHeld = true;
  });
  await eventually(() => isHeld, "it holds the lease");
  const engine = await openJournal({ directory });
  t.after(() => engine.close());
  assert.equal((await engine.list("held/")).entries.length, 1);
  await driver.kill("SIGKILL");
  await eventually(async () => (await engine.list("held/")).entries.length === 0, "it is gone");
  assert.equal(existsSync(join(directory, "leases")), true);
});

test("what a stopped process held goes when its time is over", { timeout: 180_000 }, async (t) => {
  const directory = scratch(t);
  const driver = startDriver(t, directory, "stopped", 2_000);
  let isHeld = false;
  driver.onLine(() => {
    isHeld = true;
  });
  await eventually(() => isHeld, "it holds the lease");
  const engine = await openJournal({ directory });
  t.after(() => engine.close());
  await driver.kill("SIGSTOP");
  await eventually(async () => (await engine.list("held/")).entries.length === 0, "it is gone");
});

test("while another process has the lock reads go on, and what was given up is not done later", async (t) => {
  const directory = scratch(t);
  const engine = await openJournal({ directory });
  t.after(() => engine.close());
  await engine.txn({ success: [put("a", "1")] });
  const script = "flock --exclusive 9 && echo held && exec sleep 100";
  const holder = spawn("/bin/sh", ["-c", `exec 9>>"$1"; ${script}`, "lab", join(directory, "lock")]);
  undo(t, () => holder.kill("SIGKILL"));
  await once(holder.stdout, "data");
  await assert.rejects(engine.txn({ success: [put("b", "given up")] }, { timeoutMs: 300 }), {
    code: "timeout",
    applied: "no",
  });
  const signal = AbortSignal.timeout(8_000);
  assert.equal((await engine.list("a", { signal })).entries.length, 1);
  assert.equal((await engine.list("b", { signal })).entries.length, 0);
  const waiting = engine.txn({ success: [put("b", "2")] }, { timeoutMs: 60_000 });
  const ended = once(holder, "exit");
  holder.kill("SIGKILL");
  await ended;
  assert.equal((await waiting).revision, 3);
  assert.deepEqual(await values(engine), ["1", "2"]);
});

test("a full disk refuses the change and keeps what was there", async (t) => {
  const directory = scratch(t);
  if (!tryMount(t, directory, "-t", "tmpfs", "-o", "size=128k,mode=700", "tmpfs")) return;
  const engine = await openJournal({ directory });
  undo(t, () => engine.close());
  await engine.txn({ success: [put("a", "1")] });
  const large = { kind: "put", key: "a", value: bytes("x".repeat(200_000)) } as const;
  const isFull = (error: unknown) =>
    error instanceof EngineError && error.code === "no-space" && error.applied === "no";
  await assert.rejects(engine.txn({ success: [large] }), isFull);
  assert.deepEqual(await values(engine), ["1"]);
  const { revision } = await engine.txn({ success: [put("b", "2")] });
  assert.equal(revision, 3);
  await engine.close();
});

test("a journal that grows is rewritten, and watches go on", { timeout: 180_000 }, async (t) => {
  const directory = scratch(t);
  const writer = await openJournal({ directory, compactBytes: 20_000 });
  t.after(() => writer.close());
  const reader = await openJournal({ directory });
  t.after(() => reader.close());
  const seen: number[] = [];
  const stopping = new AbortController();
  t.after(() => stopping.abort());
  void reader.watch("a", {
    after: 1,
    signal: stopping.signal,
    onChanges: (changes) => {
      for (const change of changes) if (change.kind === "put") seen.push(change.entry.modRevision);
    },
  });
  for (let index = 0; index < 600; index++)
    await writer.txn({ success: [put("a", "x".repeat(100)), put("b", String(index))] });
  await eventually(() => seen.length >= 600, "all of them");
  assert.deepEqual(
    seen,
    seen.map((_, index) => index + 2),
  );
  assert.ok(readFileSync(join(directory, "journal")).length < 40_000);
  assert.equal((await reader.list("a")).entries[0]?.createRevision, 2);
});

test("a journal that was removed begins anew", async (t) => {
  const directory = scratch(t);
  await withEngine(directory, async (engine) => {
    await engine.txn({ success: [put("a", "1")] });
    rmSync(join(directory, "journal"));
    assert.deepEqual(await engine.list("a"), { revision: 1, entries: [] });
    assert.equal((await engine.txn({ success: [put("a", "2")] })).revision, 2);
  });
  await withEngine(directory, async (engine) => assert.deepEqual(await values(engine), ["2"]));
});

test("a directory in which others may write is refused", async (t) => {
  const directory = scratch(t);
  chmodSync(directory, 0o777);
  await assert.rejects(openJournal({ directory }), { code: "denied" });
});

async function withEngine(
  directory: string,
  use: (engine: JournalEngine) => Promise<unknown>,
): Promise<void> {
  const engine = await openJournal({ directory });
  try {
    await use(engine);
  } finally {
    await engine.close();
  }
}

async function values(engine: JournalEngine): Promise<readonly string[]> {
  const [a, b] = [await engine.list("a"), await engine.list("b")];
  return [...a.entries, ...b.entries].map(({ value }) => text(value));
}

interface Driver {
  onLine(use: (line: string) => void): void;
  /** Resolves when it has ended, or is told to stop. */
  kill(signal: "SIGKILL" | "SIGSTOP"): Promise<void>;
}

function startDriver(t: TestContext, directory: string, name: string, leaseMs = 0): Driver {
  const driver = join(import.meta.dirname, "journal-driver.ts");
  const args = ["--import", "tsx", driver, directory, name, String(leaseMs)];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  undo(t, () => child.kill("SIGKILL"));
  const lines = child.stdout && createInterface(child.stdout);
  return {
    onLine: (use) => lines?.on("line", use),
    async kill(signal) {
      const ended = once(child, "exit");
      child.kill(signal);
      if (signal === "SIGKILL") await ended;
    },
  };
}
