import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runPass } from "../../../src/agent/pass.ts";
import type { DesiredState } from "../../../src/core/desired-state/desired-state.ts";
import { desired, mirror, registry } from "../../agent/desired.ts";
import { createCa } from "../../support/tls.ts";
import { createRacingClock, driveNode, type Job } from "./driven-node.ts";
import { writeDaemon } from "./file-containerd.ts";

interface Seen {
  readonly reads: number;
  readonly gaps: readonly string[];
  readonly heldUp: number;
  readonly variants: Readonly<Record<string, number>>;
}

const ROUNDS = 40;

/*
 * The promise: while a namespace is wanted before and after a change, each read of it finds its mirrors and, where
 * it is closed, no upstream; a namespace that comes or goes is caught by `_default` until, and as soon as, it has
 * no directory of its own. One read is the directory, its hosts.toml and the files that names, in containerd's
 * order. Nothing can be promised to a reader that is held up between two of them: when it goes on, the hosts.toml
 * that it has read may have been replaced and its PEM file removed, or the directory that it has found be gone.
 * Such reads, told by what is there right afterwards, do not count.
 */
test("no gap: a reader never finds a wanted namespace without its mirrors while registries come, change and go", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-no-gap-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const authorities = [(await createCa("one")).cert, (await createCa("two")).cert];
  const statePath = join(root, "model-containerd.json");
  writeDaemon(statePath, { restarts: 0, running: undefined, alive: true, criReady: true });
  const clock = createRacingClock();
  const apply = async (round: number): Promise<void> => {
    const report = await runPass(driveNode(jobOf(root, stateOf(round, authorities)), { clock }).context);
    assert.deepEqual(
      report.conditions.map(({ type }) => type),
      ["Ready"],
      JSON.stringify(report),
    );
  };
  await apply(0);
  const stopPath = join(root, "stop");
  const reader = spawn(
    process.execPath,
    ["--import", "tsx", join(import.meta.dirname, "tree-reader.ts"), root, stopPath],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  t.after(() => reader.kill("SIGKILL"));
  await once(reader.stdout, "data"); // it has begun
  for (let round = 1; round <= ROUNDS; round += 1) await apply(round);
  const seen = await endOf(reader, stopPath);
  t.diagnostic(
    `${seen.reads} reads of each namespace during ${ROUNDS} changes; ${seen.heldUp} held up; ${JSON.stringify(seen.variants)}`,
  );
  assert.deepEqual(seen.gaps, []);
  assert.ok((seen.variants["gcr.io"] ?? 0) > 1, "the reader saw changes");
  assert.ok((seen.variants["quay.io"] ?? 0) > 1, "the reader saw a registry come and go");
});

/** gcr.io is there all along with one CA and then another; quay.io comes and goes; `*` is closed. */
function stateOf(round: number, authorities: readonly string[]): DesiredState {
  const ca = authorities[round % 2] ?? "";
  const credential = { username: "puller", password: `secret ${round}` };
  const own = [
    registry("gcr.io", [mirror("https://10.0.0.1:5000", { ca, credential })], "never"),
    registry("docker.io", [`https://10.0.0.2:5000/v2/hub${round % 3}`]),
    registry("*", ["http://10.0.0.9:5000"], "never"),
  ];
  const passing = registry("quay.io", [mirror("https://10.0.0.3:5000", { ca })], "never");
  return { ...desired(...own, ...(round % 2 === 0 ? [] : [passing])), generation: round };
}

function jobOf(root: string, state: DesiredState): Job {
  const containerd = { kind: "model", version: "2.1.9" } as const;
  return { root, settings: {}, desired: state, containerd, countedNames: false };
}

async function endOf(reader: ChildProcess, stopPath: string): Promise<Seen> {
  let text = "";
  reader.stdout?.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  writeFileSync(stopPath, "");
  await once(reader, "close");
  return JSON.parse(text) as Seen;
}
