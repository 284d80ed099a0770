import assert from "node:assert/strict";
import { test } from "node:test";
import type { BundleImage, Descriptor } from "../../../../src/core/bundle/bundle.ts";
import type { ImageTree } from "../../../../src/core/bundle/push/image-tree.ts";
import { planPush } from "../../../../src/core/bundle/push/plan-push.ts";

const described = (name: string): Descriptor => ({ mediaType: "m", digest: `sha256:${name}`, size: 1 });

type More = { subject?: string; problem?: string } & Pick<BundleImage, "newDigest" | "ref" | "badName">;

function tree(digest: string, name?: string, more: More = {}): ImageTree {
  const { subject: _, problem, ...rest } = more;
  const image: BundleImage = { name, top: described(digest), ...rest };
  const parts = {
    mediaType: "m",
    manifests: [],
    blobs: [],
    ...(more.subject === undefined ? {} : { subject: described(more.subject) }),
  };
  const manifests = [{ digest: `sha256:${digest}`, size: 1, parts }];
  return { image, manifests, blobs: [], absent: [], ...(problem === undefined ? {} : { problem }) };
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

test("different images for one place are left out by name, and take no other along; the same one is no matter", () => {
  const same = [tree("x", "gcr.io/a:1"), tree("x", "docker.io/library/a:1"), tree("x", "quay.io/a:1")];
  const { images, leftOut } = planPush(same, options);
  assert.deepEqual([images.length, leftOut], [2, []]);
  const clash = planPush(
    [tree("x", "gcr.io/a:1"), tree("z", "gcr.io/z:1"), tree("y", "quay.io/a:1")],
    options,
  );
  assert.deepEqual(
    [clash.images.map(({ name }) => name), clash.problems, clash.leftOut.length],
    [["gcr.io/z:1"], [], 2],
  );
  assert.match(
    clash.leftOut[0] ?? "",
    /^gcr\.io\/a:1 \(sha256:x\): quay\.io\/a:1 is a different image, and each would be ns\/a:1 at the mirror/,
  );
  assert.match(clash.leftOut[1] ?? "", /^quay\.io\/a:1 \(sha256:y\): gcr\.io\/a:1 /);
  const twice = planPush([tree("x", "gcr.io/a:1"), tree("y", "gcr.io/a:1")], options);
  assert.match(twice.leftOut[0] ?? "", /^gcr\.io\/a:1 \(sha256:x\): sha256:y is a different image/);
});

test("what is wrong with an image is its own matter, told by its name", () => {
  const trees = [
    tree("x", "gcr.io/x:1", { problem: "blobs/x is damaged" }),
    tree("y", "gcr.io/y:1"),
    tree("s", undefined, { problem: "blobs/s is damaged" }),
  ];
  const { images, leftOut, problems } = planPush(trees, options);
  assert.deepEqual(
    [images.map(({ name }) => name), problems, leftOut],
    [
      ["gcr.io/y:1"],
      [],
      ["gcr.io/x:1 cannot be pushed: blobs/x is damaged", "sha256:s cannot be pushed: blobs/s is damaged"],
    ],
  );
});

const places = (trees: readonly ImageTree[], name: string) => {
  const { images, leftOut, problems } = planPush(trees, { ...options, name });
  return { at: images.map(({ repository, tag }) => `${repository}:${tag}`), leftOut, problems };
};

test("--name without a tag is for each image that has one in the bundle, however many", () => {
  const tagged = [tree("x", undefined, { ref: "1.0" }), tree("y", undefined, { ref: "app:2.0" })];
  assert.deepEqual(places(tagged.slice(0, 1), "gcr.io/team/app").at, ["ns/team/app:1.0"]);
  assert.deepEqual(places(tagged.slice(1), "gcr.io/team/app").at, ["ns/team/app:2.0"]);
  assert.deepEqual(places(tagged.slice(0, 1), "gcr.io/team/app:9").at, ["ns/team/app:9"]);
  assert.deepEqual(places([tree("x")], "gcr.io/team/app").at, ["ns/team/app:latest"]);
  const more = [...tagged.slice(0, 1), tree("z", undefined, { ref: "3.0" })];
  assert.deepEqual(places(more, "reg.example:5000/team/app"), {
    at: ["ns/team/app:1.0", "ns/team/app:3.0"],
    leftOut: [],
    problems: [],
  });
  assert.match(
    places(more, "gcr.io/team/app:9").problems[0] ?? "",
    /this one has 2: without a tag it is for all/,
  );
  assert.deepEqual(places([...more, tree("y")], "gcr.io/a").at, ["ns/a:1.0", "ns/a:3.0"]);
  assert.match(places([...more, tree("y")], "gcr.io/a").leftOut[0] ?? "", /^sha256:y has no name/);
  const two = [tree("x", undefined, { ref: "app:1" }), tree("y", undefined, { ref: "other:2" })];
  assert.match(places(two, "gcr.io/a").problems[0] ?? "", /images of several \(app, other\)/);
});

test("what has a tag only, or a name that is none, is told so", () => {
  const tagged = [tree("x", undefined, { ref: "1.0" }), tree("y", undefined, { ref: "2.0" })];
  assert.match(
    planPush(tagged, options).leftOut[0] ?? "",
    /^1\.0 \(sha256:x\) has no name in the bundle but that: --name with a repository, such as gcr\.io\/a\/b, pushes each/,
  );
  const bad = [tree("x", undefined, { badName: '"A:1" is not an image reference: must be lower case' })];
  assert.match(
    planPush(bad, options).leftOut[0] ?? "",
    /none \("A:1" is not .* must be lower case\): .*--name/,
  );
});
