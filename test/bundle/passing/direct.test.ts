import assert from "node:assert/strict";
import { test } from "node:test";
import { startCraneRegistry } from "../../support/crane-registry.ts";

import { frontedRegistry } from "../../support/fronted-registry.ts";
import { buildImage, type LabImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { blobPath, indexFirst, layoutParts } from "../../support/layout-parts.ts";
import { bundleFile } from "../../support/opened-bundle.ts";
import { compress, type PushedPassing, pushPassing, sentBytes } from "../../support/push-passing.ts";

import { tarOf } from "../../support/tar.ts";

const skip = partSkipReason("docker-registry");
const craneSkip = partSkipReason("crane");
/** More than is held in memory, so that it goes through. */
const LARGE = 7_000_000;

const { registry, front } = await frontedRegistry(skip);

type Images = Readonly<Record<string, LabImage>>;

function packed(images: Images): Buffer {
  return Buffer.from(compress(tarOf(indexFirst(images)), "gzip"));
}

/** Three images in three repositories; two share a small layer and a large one. */
function sharing(): Images {
  const large = buildImage({ bytesPerLayer: LARGE });
  const list = buildImage({ platforms: ["linux/amd64", "linux/arm64"], layers: 2, bytesPerLayer: 200_000 });
  return {
    "gcr.io/a/large:1": large,
    "gcr.io/b/large:1": large,
    "gcr.io/a/list:1": list,
    "gcr.io/c/list:1": list,
  };
}

function assertPushed({ results }: PushedPassing): void {
  assert.deepEqual(
    results.filter(({ result }) => result !== "pushed"),
    [],
  );
}

async function statusOf(url: string, path: string): Promise<number> {
  const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
  return (await fetch(`${url}/v2/${path}`, { method: "HEAD", headers: { accept } })).status;
}

async function assertWhole(url: string, namespace: string, images: Images): Promise<void> {
  for (const [name, image] of Object.entries(images)) {
    const repository = `${namespace}/${name.slice("gcr.io/".length, -":1".length)}`;
    assert.equal(await statusOf(url, `${repository}/manifests/1`), 200, name);
    for (const { digest } of image.manifests)
      assert.equal(await statusOf(url, `${repository}/manifests/${digest}`), 200, name);
    for (const { digest } of image.blobs)
      assert.equal(await statusOf(url, `${repository}/blobs/${digest}`), 200, name);
  }
}

function bytesOf(images: Images): number {
  const blobs = new Map(
    Object.values(images).flatMap((image) => image.blobs.map(({ digest, bytes }) => [digest, bytes.length])),
  );
  return [...blobs.values()].reduce((sum, length) => sum + length, 0);
}

test("index first, from standard input: each blob goes to its home and is mounted elsewhere, without a staging repository", {
  skip,
}, async () => {
  front.script();
  front.clearRequests();
  const images = sharing();
  const bytes = packed(images);
  const pushed = await pushPassing(front.url, bytes, { namespace: "direct" });
  assertPushed(pushed);
  await assertWhole(registry.url, "direct", images);
  assert.equal(sentBytes(pushed), bytesOf(images), "once each");
  const staged = front.requests().filter(({ path }) => path.includes("staging"));
  assert.deepEqual(staged, []);

  const again = await pushPassing(front.url, bytes, { namespace: "direct" });
  assert.deepEqual([...new Set(again.results.map(({ result }) => result))], ["there"]);
  assert.equal(sentBytes(again), 0, "what is there is not sent again, also without a journal");
});

test("a layer that is there without its manifest is told to be there, in each repository", {
  skip,
}, async () => {
  front.script();
  const large = buildImage({ bytesPerLayer: LARGE });
  const bytes = packed({ "gcr.io/a/large:1": large, "gcr.io/b/large:1": large });
  await pushPassing(front.url, bytes, { namespace: "told" });
  front.script({ method: "HEAD", path: /\/manifests\//, does: { kind: "status", status: 404 } });
  const { events } = await pushPassing(front.url, bytes, { namespace: "told" });
  front.script();
  const layer = large.blobs[1];
  const ends = events.flatMap((event) =>
    event.kind === "blob-end" && event.digest === layer?.digest
      ? [[event.repository, event.end, event.size]]
      : [],
  );
  assert.deepEqual(ends.sort(), [
    ["told/a/large", "there", layer?.bytes.length],
    ["told/b/large", "there", layer?.bytes.length],
  ]);
});

const isPieces = { chunkBytes: 2_000_000, patchFirst: false };

for (const [what, ways] of [
  ["whole", undefined],
  ["in pieces", isPieces],
] as const) {
  const options = ways === undefined ? {} : { ways: { ...ways } };

  test(`crane's registry, which never mounts, from standard input, ${what}: all is brought to each`, {
    skip: craneSkip,
  }, async (context) => {
    const crane = await startCraneRegistry();
    context.after(() => crane.stop());
    const images = sharing();
    const pushed = await pushPassing(crane.url, packed(images), { namespace: "ns", ...options });
    assertPushed(pushed);
    assert.equal(pushed.passes, 1);
    assert.equal(pushed.leftOver, undefined);
    await assertWhole(crane.url, "ns", images);
  });

  test(`mounts are refused, from standard input, ${what}: what is too large to hold is fetched from where it is`, {
    skip,
  }, async () => {
    front.script({ method: "POST", parameter: "mount", does: { kind: "status", status: 405 } });
    const images = sharing();
    const namespace = `refused${options.ways?.chunkBytes ?? ""}`;
    const pushed = await pushPassing(front.url, packed(images), { namespace, ...options });
    assertPushed(pushed);
    assert.equal(pushed.passes, 1);
    await assertWhole(registry.url, namespace, images);
  });
}

test("mounts are refused, from a file: one pass, and another for what is too large to hold", {
  skip,
}, async (context) => {
  front.script({ method: "POST", parameter: "mount", does: { kind: "status", status: 405 } });
  const images = sharing();
  const small = Object.fromEntries(Object.entries(images).filter(([name]) => name.endsWith("/list:1")));
  for (const [namespace, some, passes] of [
    ["small", small, 1],
    ["all", images, 2],
  ] as const) {
    const path = bundleFile(context, `${namespace}.tar.gz`, packed(some));
    const pushed = await pushPassing(front.url, path, { namespace });
    assertPushed(pushed);
    assert.equal(pushed.passes, passes);
    await assertWhole(registry.url, namespace, some);
  }
});

test("manifests and blobs by turns, as regctl orders them, and one whose manifest comes last goes by the staging repository", {
  skip,
}, async () => {
  front.script();
  front.clearRequests();
  const images = { "gcr.io/x/one:1": buildImage({ layers: 2 }), "gcr.io/x/two:1": buildImage({ layers: 2 }) };
  const late = { "gcr.io/x/late:1": buildImage({ layers: 2 }) };
  const parts = new Map(layoutParts({ ...images, ...late }).map((part) => [part.name, part]));
  const order = [
    "oci-layout",
    "index.json",
    ...Object.values(images).flatMap(({ manifests, blobs }) =>
      [...manifests, ...blobs].map(({ digest }) => blobPath(digest)),
    ),
    ...Object.values(late).flatMap(({ manifests, blobs }) =>
      [...blobs, ...manifests].map(({ digest }) => blobPath(digest)),
    ),
  ];
  const sorted = order.flatMap((name) => parts.get(name) ?? []);
  const pushed = await pushPassing(front.url, compress(tarOf(sorted), "gzip"), { namespace: "turns" });
  assertPushed(pushed);
  await assertWhole(registry.url, "turns", { ...images, ...late });
  const isStaged = ({ digest }: { readonly digest: string }): boolean =>
    front.requests().some(({ path, query }) => path.includes("staging") && query["digest"] === digest);
  const [direct, staged] = [images, late].map((some) =>
    Object.values(some).flatMap(({ blobs }) => blobs.slice(1).filter(isStaged)),
  );
  assert.equal(direct?.length, 0);
  assert.equal(staged?.length, 2);
});

for (const size of [100_000, LARGE])
  test(`a damaged layer of ${size} bytes: its image is not tagged, nor is the layer there; the other is pushed`, {
    skip,
  }, async () => {
    front.script();
    const bad = buildImage({ bytesPerLayer: size });
    const images = { "gcr.io/d/bad:1": bad, "gcr.io/d/good:1": buildImage() };
    const layer = bad.blobs[1]?.digest ?? "";
    const parts = indexFirst(images).map((part) => {
      if (part.name !== blobPath(layer)) return part;
      const content = Uint8Array.from(part.content as Uint8Array);
      content[content.length - 5] = (content.at(-5) ?? 0) ^ 1;
      return { ...part, content };
    });
    const namespace = `damaged${size}`;
    const { results } = await pushPassing(front.url, compress(tarOf(parts), "gzip"), { namespace });
    for (const { name, result, reason = "" } of results)
      if (name === "gcr.io/d/bad:1") assert.match(reason, /is damaged: its content is not sha256:/);
      else assert.equal(result, "pushed");
    assert.equal(await statusOf(registry.url, `${namespace}/d/bad/manifests/1`), 404);
    assert.equal(await statusOf(registry.url, `${namespace}/d/bad/blobs/${layer}`), 404);
  });

test("one repository that lets nobody in: the others get what they share with it", { skip }, async () => {
  const images = sharing();
  front.script({ path: /\/no\/a\//, does: { kind: "status", status: 403 } });
  const { results } = await pushPassing(front.url, packed(images), { namespace: "no" });
  assert.deepEqual(
    results.map(({ name, result }) => [name, result]),
    Object.keys(images).map((name) => [name, name.startsWith("gcr.io/a/") ? "failed" : "pushed"]),
  );
  front.script();
});
