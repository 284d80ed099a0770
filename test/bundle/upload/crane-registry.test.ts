import assert from "node:assert/strict";
import { test } from "node:test";
import { startCraneRegistry } from "../../support/crane-registry.ts";
import { buildImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { memoryBundle } from "../../support/memory-bundle.ts";
import { pushBundle } from "../../support/push-bundle.ts";

test("a registry that never mounts gets each blob where it is needed, whole or in pieces", {
  skip: partSkipReason("crane"),
}, async (context) => {
  const registry = await startCraneRegistry();
  context.after(() => registry.stop());
  const image = buildImage({ platforms: ["linux/amd64", "linux/arm64"], layers: 2, bytesPerLayer: 500_000 });
  const bundle = memoryBundle({ "gcr.io/a/one:1": image, "gcr.io/a/two:1": image });
  const { results, events } = await pushBundle(registry.url, bundle, { namespace: "ns" });
  assert.deepEqual(
    results.map(({ result, reason }) => [result, reason]),
    [
      ["pushed", undefined],
      ["pushed", undefined],
    ],
  );
  // It keeps blobs for all repositories alike, and so has them the second time, if asked.
  const ends = new Set(events.flatMap((event) => (event.kind === "blob-end" ? [event.end] : [])));
  assert.equal(ends.has("mounted"), false);
  for (const repository of ["one", "two"]) {
    const reply = await fetch(`${registry.url}/v2/ns/a/${repository}/manifests/1`);
    assert.equal(reply.headers.get("docker-content-digest"), image.digest);
  }
  const other = buildImage({ bytesPerLayer: 700_000 });
  const ways = { chunkBytes: 200_000, patchFirst: false };
  const pieces = await pushBundle(registry.url, memoryBundle({ "gcr.io/p:1": other }), { ways });
  assert.equal(pieces.results[0]?.reason, undefined);
  assert.equal(pieces.results[0]?.result, "pushed");
  const again = await pushBundle(registry.url, bundle, { namespace: "ns" });
  assert.deepEqual(
    again.results.map(({ result }) => result),
    ["there", "there"],
  );
});
