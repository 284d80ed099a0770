import assert from "node:assert/strict";
import { test } from "node:test";
import type { BundleImage, Descriptor } from "../../../../src/core/bundle/bundle.ts";
import type { ImageTree } from "../../../../src/core/bundle/push/image-tree.ts";
import { planPush } from "../../../../src/core/bundle/push/plan-push.ts";

const described = (name: string): Descriptor => ({ mediaType: "m", digest: `sha256:${name}`, size: 1 });

function tree(digest: string, name?: string, more: { subject?: string; newDigest?: string } = {}): ImageTree {
  const image: BundleImage = {
    name,
    top: described(digest),
    ...(more.newDigest === undefined ? {} : { newDigest: more.newDigest }),
  };
  const parts = {
    mediaType: "m",
    manifests: [],
    blobs: [],
    ...(more.subject === undefined ? {} : { subject: described(more.subject) }),
  };
  return { image, manifests: [{ digest: `sha256:${digest}`, size: 1, parts }], blobs: [], absent: [] };
}

const options = { namespace: "ns", allowNewDigest: false };

test("a referrer without a name goes with what it is about, and what is about it too", () => {
  const trees = [
    tree("sbom", undefined, { subject: "image" }),
    tree("signature", undefined, { subject: "sbom" }),
    tree("image", "gcr.io/a:1"),
    tree("image", "gcr.io/b:1"),
    tree("other", "gcr.io/c:1"),
  ];
  const { images, problems } = planPush(trees, options);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    images.map(({ repository, tag, referrers }) => [
      repository,
      tag,
      referrers.map((one) => one.image.top.digest),
    ]),
    [
      ["ns/a", "1", ["sha256:sbom", "sha256:signature"]],
      ["ns/b", "1", ["sha256:sbom", "sha256:signature"]],
      ["ns/c", "1", []],
    ],
  );
});

test("what has no name, or loses its digest, is left out unless told otherwise, and takes no other along", () => {
  const unnamed = [tree("x")];
  assert.match(planPush(unnamed, options).leftOut[0] ?? "", /^sha256:x has no name in the bundle: .*--name/);
  assert.deepEqual(planPush(unnamed, { ...options, name: "gcr.io/n:2" }).images[0]?.repository, "ns/n");
  const made = [tree("x", "gcr.io/a:1", { newDigest: "it is made anew" })];
  assert.match(
    planPush(made, options).leftOut[0] ?? "",
    /cannot keep its digest: it is made anew; --allow-new-digest/,
  );
  assert.deepEqual(planPush(made, { ...options, allowNewDigest: true }).leftOut, []);
  assert.match(planPush(made, { ...options, allowNewDigest: true, name: "b" }).problems[0] ?? "", /has 0$/);
  const mixed = planPush([...unnamed, tree("y"), ...made, tree("z", "gcr.io/z:1")], options);
  assert.deepEqual([mixed.images.map(({ name }) => name), mixed.leftOut.length], [["gcr.io/z:1"], 3]);
  assert.match(mixed.leftOut[0] ?? "", /--name gives one to a single image/);
});

test("one place for two images is a problem; for the same one it is no matter", () => {
  const same = [tree("x", "gcr.io/a:1"), tree("x", "docker.io/library/a:1"), tree("x", "quay.io/a:1")];
  const { images, problems } = planPush(same, options);
  assert.deepEqual([images.length, problems], [2, []]);
  const clash = planPush([tree("x", "gcr.io/a:1"), tree("y", "quay.io/a:1")], options);
  assert.deepEqual(clash.problems, [
    "gcr.io/a:1 and quay.io/a:1: both would be ns/a:1 at the mirror, and they are different images",
  ]);
});
