import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openJournal } from "../../../src/bundle/journal/open-journal.ts";
import { startCraneRegistry } from "../../support/crane-registry.ts";

import { type FaultRule, startFaultyFront } from "../../support/faulty-front.ts";
import { frontedRegistry } from "../../support/fronted-registry.ts";
import { buildImage, type LabImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { indexFirst, layoutParts } from "../../support/layout-parts.ts";
import { memoryBundle } from "../../support/memory-bundle.ts";
import { bundleFile, scratch } from "../../support/opened-bundle.ts";
import { pushBundle } from "../../support/push-bundle.ts";
import { compress, pushPassing, sentBytes } from "../../support/push-passing.ts";

import { tarOf } from "../../support/tar.ts";

const skip = partSkipReason("docker-registry");
/** More than is held in memory, so that it goes through. */
const LARGE = 13_000_000;

const { registry, front } = await frontedRegistry(skip);

async function digestAt(url: string, path: string): Promise<string | null> {
  const accept = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
  ].join(", ");
  const reply = await fetch(`${url}/v2/${path}`, { method: "HEAD", headers: { accept } });
  return reply.status === 200 ? reply.headers.get("docker-content-digest") : null;
}

function blobBytes(...images: readonly LabImage[]): number {
  const blobs = new Map(images.flatMap((image) => image.blobs.map(({ digest, bytes }) => [digest, bytes])));
  return [...blobs.values()].reduce((sum, { length }) => sum + length, 0);
}

for (const by of ["gzip", "xz", "zstd", "tar"] as const)
  test(`one pass, by ${by} from standard input: all is there byte for byte, and sent once`, {
    skip,
  }, async () => {
    front.script();
    const ns = `once-${by}`;
    const list = buildImage({ platforms: ["linux/amd64", "linux/arm64"], layers: 2, bytesPerLayer: 200_000 });
    const large = buildImage({ format: "docker", bytesPerLayer: LARGE });
    const images = { "gcr.io/a/list:1": list, "gcr.io/b/list:1": list, "gcr.io/a/large:2": large };
    const pushed = await pushPassing(front.url, compress(tarOf(layoutParts(images)), by), { namespace: ns });
    assert.deepEqual(
      pushed.results.map(({ result, reason }) => [result, reason]),
      [
        ["pushed", undefined],
        ["pushed", undefined],
        ["pushed", undefined],
      ],
    );
    assert.equal(pushed.passes, 1);
    assert.equal(await digestAt(registry.url, `${ns}/a/list/manifests/1`), list.digest);
    assert.equal(await digestAt(registry.url, `${ns}/b/list/manifests/1`), list.digest);
    assert.equal(await digestAt(registry.url, `${ns}/a/large/manifests/2`), large.digest);
    assert.equal(sentBytes(pushed), blobBytes(list, large));
  });

test("a registry that does not mount: gone through twice, and what several need is sent to each", {
  skip: partSkipReason("crane"),
}, async (context) => {
  const crane = await startCraneRegistry();
  context.after(() => crane.stop());
  const one = buildImage({ layers: 2, bytesPerLayer: 200_000 });
  const large = buildImage({ bytesPerLayer: LARGE });
  const images = { "gcr.io/a/one:1": one, "gcr.io/b/large:1": large, "gcr.io/c/large:1": large };
  const path = bundleFile(context, "b.tar.gz", compress(tarOf(layoutParts(images)), "gzip"));
  const pushed = await pushPassing(crane.url, path, { namespace: "ns" });
  assert.deepEqual(
    pushed.results.map(({ result, reason }) => [result, reason]),
    [
      ["pushed", undefined],
      ["pushed", undefined],
      ["pushed", undefined],
    ],
  );
  assert.equal(pushed.passes, 2);
  assert.equal(await digestAt(crane.url, "ns/c/large/manifests/1"), large.digest);
  assert.equal(pushed.leftOver?.holds, "probe");
});

for (const [what, rules, leftOver] of [
  [
    "the login may not touch",
    [{ path: /mirrorlet-staging/, does: { kind: "status", status: 403 } }],
    undefined,
  ],
  [
    "mounts failed in",
    [{ method: "POST", parameter: "mount", does: { kind: "status", status: 404 } }],
    { holds: "probe", why: "emptied" },
  ],
  [
    "the login may touch, but not the one beside it",
    [{ path: /mirrorlet-staging\/probe\//, does: { kind: "status", status: 403 } }],
    { holds: "probe", why: "emptied" },
  ],
  [
    "mounts failed in, and that deletes nothing",
    [
      { method: "POST", parameter: "mount", does: { kind: "status", status: 404 } },
      { method: "DELETE", does: { kind: "status", status: 405 } },
    ],
    { holds: "probe", why: "unsupported" },
  ],
] as const satisfies readonly (readonly [string, readonly FaultRule[], object | undefined])[])
  test(`a staging repository that ${what}, from a file: told as it is, and no layer passed`, {
    skip,
  }, async (context) => {
    front.script(...rules);
    const images = { "gcr.io/a/one:1": buildImage() };
    const path = bundleFile(context, "b.tar.gz", compress(tarOf(layoutParts(images)), "gzip"));
    const namespace = `told${what.length}`;
    const staging = `${namespace}/mirrorlet-staging/own`;
    const pushed = await pushPassing(front.url, path, { namespace, staging });
    front.script();
    assert.equal(pushed.results[0]?.result, "pushed");
    assert.deepEqual(pushed.leftOver, leftOver && { repository: staging, ...leftOver });
  });

test("a registry that takes nothing at all: of a staging repository nothing is told", {
  skip,
}, async (context) => {
  front.script({ method: "POST", does: { kind: "status", status: 405 } });
  const images = { "gcr.io/a/one:1": buildImage() };
  const path = bundleFile(context, "b.tar.gz", compress(tarOf(layoutParts(images)), "gzip"));
  const pushed = await pushPassing(front.url, path, { namespace: "readonly" });
  front.script();
  assert.equal(pushed.results[0]?.result, "failed");
  assert.equal(pushed.leftOver, undefined);
});

for (const [what, rule] of [
  ["takes no mounts", { method: "POST", parameter: "mount", does: { kind: "status", status: 405 } }],
  [
    "lets nothing into what mounts are tried with",
    { method: "POST", path: /\/probe\//, does: { kind: "status", status: 403 } },
  ],
] as const)
  test(`a registry that ${what}, from standard input: fetched from where layers wait, and sent once more`, {
    skip,
  }, async () => {
    const mounts: FaultRule = { method: "POST", parameter: "mount", does: { kind: "status", status: 405 } };
    front.script(rule, mounts);
    const one = buildImage({ layers: 2, bytesPerLayer: 200_000 });
    const large = buildImage({ bytesPerLayer: LARGE });
    const images = { "gcr.io/a/one:1": one, "gcr.io/b/large:1": large, "gcr.io/c/large:1": large };
    const namespace = `twice${what.length}`;
    const pushed = await pushPassing(front.url, compress(tarOf(layoutParts(images)), "gzip"), { namespace });
    assert.deepEqual(
      pushed.results.map(({ result, reason }) => [result, reason]),
      [
        ["pushed", undefined],
        ["pushed", undefined],
        ["pushed", undefined],
      ],
    );
    assert.equal(pushed.passes, 1);
    assert.equal(pushed.events.filter(({ kind }) => kind === "sent-twice").length, 1);
    for (const path of ["b/large", "c/large"])
      for (const { digest } of large.blobs)
        assert.equal(await digestAt(registry.url, `${namespace}/${path}/blobs/${digest}`), digest);
    assert.equal(await digestAt(registry.url, `${namespace}/c/large/manifests/1`), large.digest);
    assert.equal(pushed.leftOver?.why, "emptied");
    const staged = `${namespace}/mirrorlet-staging/blobs/${large.blobs[1]?.digest}`;
    assert.equal(await digestAt(registry.url, staged), null);
  });

test("standard input where nothing can wait: refused before anything is sent, with what to do", {
  skip,
}, async () => {
  front.script({ path: /mirrorlet-staging/, does: { kind: "status", status: 403 } });
  const images = { "gcr.io/a/one:1": buildImage() };
  const going = pushPassing(front.url, compress(tarOf(layoutParts(images)), "gzip"), { namespace: "shut" });
  await assert.rejects(
    going,
    /does not let them wait in shut\/mirrorlet-staging \(.*403.*\): give the login the right to push there, or put the bundle into a file/,
  );
});

test("the staging repository is emptied where the registry deletes, and named where it does not", {
  skip,
}, async () => {
  const image = buildImage();
  const bytes = compress(tarOf(layoutParts({ "gcr.io/a/one:1": image })), "gzip");
  const layer = image.blobs[1]?.digest ?? "";
  const has = async (path: string): Promise<boolean> =>
    (await digestAt(registry.url, `${path}/blobs/${layer}`)) !== null;

  front.script({ method: "DELETE", does: { kind: "status", status: 405 } });
  const kept = await pushPassing(front.url, bytes, { namespace: "kept" });
  assert.deepEqual(kept.leftOver, {
    repository: "kept/mirrorlet-staging",
    holds: "layers",
    why: "unsupported",
  });
  assert.equal(await has("kept/mirrorlet-staging"), true);
  front.script();
  const emptied = await pushPassing(front.url, bytes, { namespace: "emptied" });
  assert.equal(emptied.leftOver?.why, "emptied");
  assert.equal(await has("emptied/mirrorlet-staging"), false);
  assert.equal(await has("emptied/a/one"), true, "the image keeps it");
});

test("where not all is there, what was staged stays for the next push", { skip }, async () => {
  front.script({ path: /^\/v2\/kept\/bad\//, does: { kind: "status", status: 403 } });
  const bad = buildImage({ layers: 2 });
  const images = { "gcr.io/good:1": buildImage(), "gcr.io/bad:1": bad };
  const bytes = compress(tarOf(layoutParts(images)), "gzip");
  const pushed = await pushPassing(front.url, bytes, { namespace: "kept" });
  front.script();
  assert.deepEqual(
    pushed.results.map(({ result }) => result),
    ["pushed", "failed"],
  );
  assert.deepEqual(pushed.leftOver, { repository: "kept/mirrorlet-staging", holds: "layers", why: "kept" });
  for (const { digest } of layersOf(bad))
    assert.equal(await digestAt(registry.url, `kept/mirrorlet-staging/blobs/${digest}`), digest);
});

for (const [what, isWhole] of [
  ["all", true],
  ["a layer that has found its place", false],
] as const)
  test(`of what a push that was killed has left, ${what} is taken away by the next${isWhole ? ", and forgotten" : ", though another image fails"}`, {
    skip,
  }, async (context) => {
    const namespace = `left-${isWhole}`;
    const journalFile = join(scratch(context), "journal.jsonl");
    const begin = () => openJournal(journalFile, namespace);
    const repository = `${namespace}/mirrorlet-staging/old`;
    const [old, bad] = [buildImage(), buildImage()];
    front.script();
    // As if it had been staged.
    const staged = memoryBundle({ "gcr.io/mirrorlet-staging/old:1": old });
    await pushBundle(front.url, staged, { namespace, journal: begin() });
    assert.equal(begin().blobsIn(repository).length, old.blobs.length);
    if (!isWhole) front.script({ path: /\/bad\//, does: { kind: "status", status: 403 } });
    const parts = isWhole
      ? layoutParts({ "gcr.io/new:1": buildImage() })
      : indexFirst({ "gcr.io/again:1": old, "gcr.io/bad:1": bad });
    const options = { namespace, abandoned: [repository], journal: begin() };
    const pushed = await pushPassing(front.url, compress(tarOf(parts), "gzip"), options);
    front.script();
    assert.equal(pushed.results.at(-1)?.result, isWhole ? "pushed" : "failed");
    for (const { digest } of isWhole ? old.blobs : layersOf(old))
      assert.equal(await digestAt(registry.url, `${repository}/blobs/${digest}`), null);
    if (isWhole) assert.deepEqual(begin().blobsIn(repository), []);
  });

/** A config is small, and kept as a document: it is not staged. */
function layersOf({ blobs }: LabImage): LabImage["blobs"] {
  return blobs.slice(1);
}

for (const [order, parts] of [
  ["index first", indexFirst],
  ["index last", layoutParts],
] as const)
  test(`--deep at a registry that does not mount, ${order}: what it sends was not there`, {
    skip: partSkipReason("crane"),
  }, async (context) => {
    const crane = await startCraneRegistry();
    context.after(() => crane.stop());
    const before = await startFaultyFront(crane.url);
    context.after(() => before.stop());
    const image = buildImage({ layers: 2, bytesPerLayer: 200_000 });
    const other = buildImage();
    const images = { "gcr.io/a/one:1": image, "gcr.io/b/two:1": other };
    const path = bundleFile(context, "b.tar.gz", compress(tarOf(parts(images)), "gzip"));
    await pushPassing(before.url, path, { namespace: "ns" });
    // As if the registry had lost it, and kept the manifest.
    const lost = image.blobs.at(-1)?.digest ?? "";
    before.script({
      method: "HEAD",
      path: new RegExp(lost),
      times: 2,
      does: { kind: "status", status: 404 },
    });
    const again = await pushPassing(before.url, path, { namespace: "ns", deep: true });
    assert.deepEqual(
      again.results.map(({ name, result }) => [name, result]),
      [
        ["gcr.io/a/one:1", "pushed"],
        ["gcr.io/b/two:1", "there"],
      ],
    );
    assert.ok(sentBytes(again) > 0);
  });

test("pushes leave one repository that mounts are tried in, however many staging repositories there were", {
  skip,
}, async () => {
  front.script();
  front.clearRequests();
  const push = (staging: string) =>
    pushPassing(front.url, compress(tarOf(layoutParts({ "gcr.io/a/p:1": buildImage() })), "gzip"), {
      namespace: "probed",
      staging,
    });
  for (const staging of ["probed/s/one", "probed/s/two"]) await push(staging);
  const { repositories } = (await (await fetch(`${registry.url}/v2/_catalog?n=1000`)).json()) as {
    repositories: string[];
  };
  assert.deepEqual(
    repositories.filter((name) => name.startsWith("probed/s")),
    ["probed/s/one", "probed/s/probe", "probed/s/two"],
  );
});
