import assert from "node:assert/strict";
import { test } from "node:test";
import type { DumpDeps, DumpSession, GatheredDump } from "../../src/cli/dump-deps.ts";
import { gatherDump, writeDump } from "../../src/cli/write-dump.ts";
import { planImages } from "../../src/core/bundle/dump/plan-images.ts";

const MB = 1_000_000;

test("how far an older bundle has been read is shown, and then how many images have been looked up", async () => {
  const gathered: GatheredDump = {
    ...planImages({ images: [], manifests: new Map(), platforms: [] }),
    failures: [],
  };
  let clock = 0;
  let shown = "";
  const session: Pick<DumpSession, "readOlder" | "plan"> = {
    async readOlder(onProgress) {
      for (const done of [0, 40 * MB, 80 * MB]) {
        clock += 1_000;
        onProgress(done, 160 * MB);
      }
    },
    async plan(_, onImages) {
      clock += 1_000;
      onImages(3, 20);
      return gathered;
    },
  };
  const io = { stdout() {}, stderr: (text: string) => (shown += text), color: false, json: false };
  const work = { names: [], since: "may.tar.zst", io, deps: { now: () => clock, progressColumns: 80 } };
  assert.equal(await gatherDump(work, session, () => {}), gathered);
  assert.deepEqual(shown.split("\r\u001b[K").filter(Boolean), [
    "reading may.tar.zst: 0 B of 160 MB, 0 %, 0 B/s",
    "reading may.tar.zst: 40.0 MB of 160 MB, 25 %, 20.0 MB/s, 0:06 left",
    "reading may.tar.zst: 80.0 MB of 160 MB, 50 %, 26.7 MB/s, 0:03 left",
    "looking up images: 3 of 20",
  ]);
});

test("what is told on the way never ends up behind a progress line", async () => {
  const gathered: GatheredDump = {
    ...planImages({ images: [], manifests: new Map(), platforms: [] }),
    failures: [],
  };
  let clock = 0;
  let shown = "";
  const session: DumpSession = {
    readOlder: async () => {},
    plan: async () => gathered,
    async write(planned, { onBytes, onLook, onNews }) {
      clock += 1_000;
      onBytes(40 * MB, 160 * MB);
      onLook(1, 20);
      onNews({ kind: "lost", images: ["gcr.io/a:1"], why: "it is gone" });
      onNews({ kind: "begun-anew", without: 1 });
      return { planned, written: undefined, lost: [], hasTriedEnough: false };
    },
    interrupt: () => undefined,
    close() {},
  };
  const deps: Pick<DumpDeps, "now" | "progressColumns" | "explain"> = {
    now: () => clock,
    progressColumns: 80,
    explain: String,
  };
  const io = { stdout() {}, stderr: (text: string) => (shown += text), color: false, json: false };
  const work = { names: [], since: undefined, output: "b.tar", io, open: () => session };
  assert.equal(await writeDump({ ...work, deps: deps as DumpDeps }), 1);
  // What is drawn over and cleared is gone.
  const lines = shown.split("\n").map((line) => line.split("\u001b[K").at(-1));
  assert.deepEqual(lines, [
    "mirrorlet: gcr.io/a:1: it is gone",
    "mirrorlet: the bundle is begun anew without it",
    "mirrorlet: no bundle was made",
    "",
  ]);
});
