import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createStateDirectory } from "../../src/agent/state-directory.ts";
import { createWitnessKeeper, type WitnessKeeper } from "../../src/agent/witness-keeper.ts";
import type { SourceState } from "../../src/core/evidence/evidence-report.ts";
import { createFiles } from "../../src/host/files.ts";
import { sha256 } from "../../src/host/sha256.ts";
import { witnessKeys } from "../../src/host/witness-keys.ts";
import { runWitness } from "../../src/program/run-witness.ts";
import { findFreePort } from "../support/free-port.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A state directory that cannot be written while a file is in its place. */
function stateDirectory(context: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), "mirrorlet-witness-"));
  context.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, "state");
  writeFileSync(path, "in the way");
  const keeper = createWitnessKeeper({
    ip: "127.0.0.1",
    mayMake: true,
    state: createStateDirectory(path, { files: createFiles(), sha256 }),
    keys: witnessKeys,
    ports: { sha256, log: silent },
  });
  return { keeper, repair: () => rmSync(path) };
}

async function run(context: TestContext, keeper: WitnessKeeper) {
  const told: SourceState[] = [];
  const evidence = { witness: true, witnessAddress: `127.0.0.1:${await findFreePort()}` };
  const witness = await runWitness(
    keeper,
    { evidence, style: "certs.d" } as Parameters<typeof runWitness>[1],
    { source: (state) => void told.push(state), witnessed() {} },
    silent,
  );
  context.after(() => witness.stop());
  return { witness, told };
}

async function until(what: string, check: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 20_000; !check(); ) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("a key that can be kept only later starts the witness after the pass that keeps it", async (context) => {
  const { keeper, repair } = stateDirectory(context);
  const { witness, told } = await run(context, keeper);
  assert.equal(told.at(-1)?.up, false);
  assert.match(told.at(-1)?.message ?? "", /^its key cannot be kept: /);
  witness.passed();
  await assert.rejects(keeper.keep());
  assert.equal(told.length, 1, "the same reason is told once");
  repair();
  await keeper.keep();
  witness.passed();
  witness.passed();
  await until("it listens", () => told.at(-1)?.up === true);
  await witness.ping();
  witness.passed();
  await witness.stop();
  assert.deepEqual(told.filter(({ up }) => up).length, 1, "there is one");
});

test("whoever asks for the key at the same time gets the same one", async (context) => {
  const { keeper, repair } = stateDirectory(context);
  repair();
  const [one, other] = await Promise.all([keeper.keep(), keeper.keep()]);
  assert.deepEqual(one, other);
});

test("where there is to be none, the source says why, and nothing is started", async () => {
  for (const [style, message] of [
    ["legacy", /^the legacy style cannot name it/],
    ["certs.d", /^switched off/],
  ] as const) {
    const told: SourceState[] = [];
    const config = { evidence: { witness: style === "legacy" }, style } as Parameters<typeof runWitness>[1];
    const sink = { source: (state: SourceState) => void told.push(state), witnessed() {} };
    const witness = await runWitness(undefined, config, sink, silent);
    witness.passed();
    assert.match(told.map((state) => state.message).join(), message);
    await Promise.all([witness.ping(), witness.stop()]);
  }
});
