import assert from "node:assert/strict";
import { test } from "node:test";
import { readManifest } from "../../../src/core/evidence/image-content.ts";
import { buildImage } from "../../support/image.ts";

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

for (const format of ["oci", "docker"] as const)
  test(`the parts of an image: ${format}`, () => {
    const image = buildImage({ platforms: ["linux/amd64", "linux/arm64"], layers: 2, format });
    const [first, second, index] = image.manifests;
    const digests = image.blobs.slice(0, 3).map(({ digest }) => digest);
    assert.deepEqual(readManifest(index?.bytes ?? bytes(0)), {
      kind: "index",
      manifests: [first?.digest, second?.digest],
    });
    const [config, ...layers] = digests;
    assert.deepEqual(readManifest(first?.bytes ?? bytes(0)), { kind: "manifest", config, layers });
  });

test("anything else is none", () => {
  const layer = { digest: "sha256:0" };
  for (const value of [
    null,
    [],
    "x",
    {},
    { layers: [layer] },
    { config: layer },
    { config: layer, layers: "x" },
    { config: layer, layers: [{ digest: 1 }] },
    { config: layer, layers: Array.from({ length: 513 }, () => layer) },
    { manifests: Array.from({ length: 65 }, () => layer) },
  ])
    assert.equal(readManifest(bytes(value)), undefined, JSON.stringify(value).slice(0, 40));
  assert.equal(readManifest(new TextEncoder().encode("<html>")), undefined);
});
