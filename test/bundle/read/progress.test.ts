import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { openBundle } from "../../../src/bundle/read/open-bundle.ts";
import { verifyBundle } from "../../../src/bundle/read/verify-bundle.ts";
import { runMirrorlet } from "../../e2e/support/mirrorlet.ts";
import { findFreePort } from "../../support/free-port.ts";
import { bundleFile } from "../../support/opened-bundle.ts";
import { oldLayout, savedParts } from "../../support/saved-images.ts";
import { tarOf } from "../../support/tar.ts";

const parts = savedParts("app:1", [randomBytes(3_000_000), randomBytes(2_000_000)]);
/** By gzip, and no name in it tells a digest: layers have to be read through to know them. */
const layers = oldLayout(parts).map((part) =>
  part.name.endsWith("layer.tar") ? { ...part, content: gzipSync(part.content ?? "", { level: 1 }) } : part,
);
const layerBytes = layers.reduce(
  (sum, { name, content }) => sum + (name.endsWith("layer.tar") ? (content?.length ?? 0) : 0),
  0,
);
const saved = tarOf(layers);

function grows(values: readonly number[]): boolean {
  return values.every((value, at) => value >= (values[at - 1] ?? 0));
}

test("an archive at rest that has to be read through tells how far that is, and never goes back", async (t) => {
  const file = bundleFile(t, "a.tar", saved);
  const told: number[] = [];
  const stdin = Readable.from([]);
  await openBundle(file, { stdin, hashAll: false, onProgress: (done) => void told.push(done) });
  assert.equal(told.at(-1), layerBytes);
  assert.ok(told.length > parts.layers.length, "piece by piece");
  assert.ok(grows(told));

  const verified: number[] = [];
  const totals: number[] = [];
  await verifyBundle(file, {
    stdin,
    onProgress(done, total) {
      verified.push(done);
      if (total !== undefined) totals.push(done / total);
    },
  });
  assert.ok(grows(verified), `${verified}`);
  assert.ok(grows(totals) && totals.at(-1) === 1, `${totals}`);
});

test("push tells it before anything is sent", async (t) => {
  const file = bundleFile(t, "a.tar", saved);
  const to = ["--to", `127.0.0.1:${await findFreePort()}`, "--plain-http", "--allow-new-digest", "--dry-run"];
  const { stderr } = await runMirrorlet(["--json", "push", file, ...to]);
  const events = stderr
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line).event);
  assert.deepEqual(
    events.map(({ kind, total }) => [kind, total]),
    [["read", saved.length]],
  );
});
