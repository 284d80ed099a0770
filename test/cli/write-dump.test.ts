import assert from "node:assert/strict";
import { test } from "node:test";
import type { DumpSession, GatheredDump } from "../../src/cli/dump-deps.ts";
import { gatherDump } from "../../src/cli/write-dump.ts";
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
