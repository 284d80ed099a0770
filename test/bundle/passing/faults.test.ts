import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openJournal } from "../../../src/bundle/journal/open-journal.ts";
import { describePushFailure } from "../../../src/bundle/registry/describe-failure.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import type { FaultRule } from "../../support/faulty-front.ts";
import { frontedRegistry } from "../../support/fronted-registry.ts";
import { buildImage, type LabImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { blobPath, indexFirst, layoutParts } from "../../support/layout-parts.ts";
import { bundleFile, scratch } from "../../support/opened-bundle.ts";
import { compress, pushPassing, sentBytes } from "../../support/push-passing.ts";

import { tarOf } from "../../support/tar.ts";

const skip = partSkipReason("docker-registry");
/** More than is held in memory, so that it goes through. */
const LARGE = 13_000_000;
const UPLOAD = /\/blobs\/uploads\//;

const { registry, front } = await frontedRegistry(skip);
let count = 0;

function fresh(...rules: readonly FaultRule[]): string {
  front.script(...rules);
  front.clearRequests();
  return `faults${++count}`;
}

async function status(path: string): Promise<number> {
  const accept = "application/vnd.oci.image.manifest.v1+json";
  return (await fetch(`${registry.url}/v2/${path}`, { method: "HEAD", headers: { accept } })).status;
}

function twoImages(): Readonly<Record<string, LabImage>> {
  return {
    "gcr.io/small:1": buildImage({ layers: 3, bytesPerLayer: 300_000 }),
    "gcr.io/large:1": buildImage({ bytesPerLayer: LARGE }),
  };
}

function archive(images: Readonly<Record<string, LabImage>>): Buffer {
  return tarOf(layoutParts(images));
}

for (const by of ["gzip", "xz", "zstd"] as const)
  test(`cut off, by ${by}: an error that names the archive and the entry, and no manifest is sent`, {
    skip,
  }, async (context) => {
    const namespace = fresh();
    const whole = compress(archive(twoImages()), by);
    const path = bundleFile(context, "cut", whole.subarray(0, Math.floor(whole.length * 0.6)));
    await assert.rejects(
      pushPassing(front.url, path, { namespace }),
      new RegExp(`cut: cannot be decompressed \\(${by}: .*\\); entry "blobs/sha256/.* at byte \\d+: cut off`),
    );
    const manifests = front.requests().filter(({ path: asked }) => asked.includes("/manifests/"));
    assert.deepEqual(manifests, []);
  });

for (const [what, name] of [
  ["a small", "gcr.io/small:1"],
  ["a large", "gcr.io/large:1"],
] as const)
  test(`${what} blob that is damaged: named, published nowhere, and the other image is pushed`, {
    skip,
  }, async (context) => {
    const namespace = fresh();
    const images = twoImages();
    const layer = images[name]?.blobs[1]?.digest ?? "";
    const parts = layoutParts(images).map((part) => {
      if (part.name !== blobPath(layer)) return part;
      const content = Uint8Array.from(part.content as Uint8Array);
      content[content.length - 5] = (content.at(-5) ?? 0) ^ 1;
      return { ...part, content };
    });
    const path = bundleFile(context, "bad.tar.gz", compress(tarOf(parts), "gzip"));
    const pushed = await pushPassing(front.url, path, { namespace });
    for (const { name: image, result, reason = "" } of pushed.results)
      if (image === name) assert.match(reason, /^entry "blobs\/sha256\/[0-9a-f]{64}" at .* is damaged: /);
      else assert.equal(result, "pushed");
    const repository = name.slice("gcr.io/".length, -":1".length);
    assert.equal(await status(`${namespace}/${repository}/manifests/1`), 404);
    for (const place of ["mirrorlet-staging", repository])
      assert.equal(await status(`${namespace}/${place}/blobs/${layer}`), 404);
    assert.equal(pushed.passes, 1, "reading it again is of no use");
  });

const retried: readonly (readonly [string, readonly FaultRule[]])[] = [
  [
    "a storm of 429 with Retry-After",
    [
      { method: "POST", times: 6, does: { kind: "status", status: 429, headers: { "retry-after": "1" } } },
      { method: "PUT", times: 4, does: { kind: "status", status: 429, headers: { "retry-after": "1" } } },
    ],
  ],
  [
    "connections that break within a blob that goes through",
    [{ method: "PUT", overBytes: LARGE, times: 1, does: { kind: "reset", afterBytes: 2_000_000 } }],
  ],
  ["413: in pieces", [{ method: "PUT", overBytes: 5_000_000, does: { kind: "status", status: 413 } }]],
  [
    "a Range that lies",
    [
      { method: "PUT", overBytes: 5_000_000, does: { kind: "status", status: 413 } },
      {
        method: "PATCH",
        times: 1,
        does: { kind: "headers", change: (headers) => ({ ...headers, range: "0-99" }) },
      },
    ],
  ],
  [
    "no right to a repository that is not an image's",
    [{ method: "POST", path: /mirrorlet-staging/, does: { kind: "status", status: 403 } }],
  ],
  [
    "mounts that are refused for one image",
    [{ method: "POST", path: /\/large\//, parameter: "mount", does: { kind: "status", status: 403 } }],
  ],
  [
    "the answer to what went through lost",
    [{ method: "PUT", path: UPLOAD, overBytes: LARGE, times: 1, does: { kind: "lose-answer" } }],
  ],
];

for (const [what, rules] of retried)
  test(`${what}: all is there in the end, for what went through by another pass`, {
    skip,
  }, async (context) => {
    const namespace = fresh(...rules);
    const path = bundleFile(context, "b.tar.zst", compress(archive(twoImages()), "zstd"));
    const pushed = await pushPassing(front.url, path, { namespace });
    assert.deepEqual(
      pushed.results.map(({ result, reason }) => [result, reason]),
      [
        ["pushed", undefined],
        ["pushed", undefined],
      ],
    );
    for (const name of ["small", "large"])
      assert.equal(await status(`${namespace}/${name}/manifests/1`), 200);
  });

test("what broke within standard input fails its image and says so; the other one is pushed", {
  skip,
}, async (context) => {
  const namespace = fresh({
    method: "PUT",
    overBytes: LARGE,
    times: 1,
    does: { kind: "reset", afterBytes: 2_000_000 },
  });
  const images = twoImages();
  const journal = openJournal(join(scratch(context), "journal.jsonl"), namespace);
  const pushed = await pushPassing(front.url, compress(archive(images), "gzip"), { namespace, journal });
  assert.deepEqual(
    pushed.results.map(({ result }) => result),
    ["pushed", "failed"],
  );
  const layer = images["gcr.io/large:1"]?.blobs[1]?.digest ?? "";
  assert.equal(journal.has(`${namespace}/mirrorlet-staging`, layer), true, "noted before it was sent");
  assert.match(
    pushed.results[1]?.reason ?? "",
    /^entry "blobs.* of standard input has gone by, and is not at the registry: /,
  );
});

test("a registry that is gone for a moment in the middle", { skip }, async (context) => {
  const namespace = fresh();
  const path = bundleFile(context, "b.tar.gz", compress(archive(twoImages()), "gzip"));
  const pushing = pushPassing(front.url, path, { namespace });
  for (let tries = 0; tries < 5_000 && front.requests().length < 8; tries++)
    await new Promise((resolve) => setTimeout(resolve, 1));
  await front.stop();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await front.start();
  const pushed = await pushing;
  assert.deepEqual(
    pushed.results.map(({ result, reason }) => [result, reason]),
    [
      ["pushed", undefined],
      ["pushed", undefined],
    ],
  );
});

test("a registry whose disk is full: said so, and nothing is half there", {
  skip: skip ?? mountSkipReason(),
}, async (context) => {
  const storage = mkdtempSync(join(tmpdir(), "mirrorlet-full-"));
  assert.equal(spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", storage]).status, 0);
  const full = await startDockerRegistry({ kind: "none" }, storage);
  context.after(async () => {
    await full.stop();
    spawnSync("umount", [storage]);
    rmdirSync(storage);
  });
  const large = { "gcr.io/large:1": buildImage({ bytesPerLayer: LARGE }) };
  // It says so while the layer goes through, or breaks the connection, and then says so to the image.
  const reason = await pushPassing(full.url, compress(archive(large), "gzip")).then(
    ({ results }) => (results[0]?.result === "failed" ? results[0].reason : ""),
    describePushFailure,
  );
  assert.match(reason ?? "", /^the registry's disk is full: make room there.*: 500 /);
  const reply = await fetch(`${full.url}/v2/large/manifests/1`, { method: "HEAD" });
  assert.equal(reply.status, 404);
});

function mountSkipReason(): string | undefined {
  return process.getuid?.() === 0 ? undefined : "needs root, to mount a small file system";
}

test("a second push with the journal of the first sends nothing, from another bundle too", {
  skip,
}, async (context) => {
  const namespace = fresh();
  const journalFile = join(scratch(context), "journal.jsonl");
  const images = twoImages();
  const path = bundleFile(context, "b.tar.gz", compress(archive(images), "gzip"));
  await pushPassing(front.url, path, { namespace, journal: openJournal(journalFile, namespace) });
  const other = buildImage({ bytesPerLayer: 400_000 });
  const grown = compress(archive({ ...images, "gcr.io/other:1": other }), "zstd");
  const again = await pushPassing(front.url, grown, {
    namespace,
    journal: openJournal(journalFile, namespace),
  });
  assert.deepEqual(
    again.results.map(({ result }) => result),
    ["there", "there", "pushed"],
  );
  assert.equal(
    sentBytes(again),
    other.blobs.reduce((sum, { bytes }) => sum + bytes.length, 0),
  );
});

test("mounts that break each time: the images are pushed without, and none asks for one again", {
  skip,
}, async (context) => {
  const namespace = fresh({ method: "POST", parameter: "mount", does: { kind: "status", status: 500 } });
  const { "gcr.io/small:1": small, ...large } = twoImages();
  assert.ok(small);
  const images = { "gcr.io/small:1": small, "gcr.io/same:1": small, ...large };
  const path = bundleFile(context, "mounts.tar.gz", compress(archive(images), "gzip"));
  const { results } = await pushPassing(front.url, path, { namespace });
  assert.deepEqual(
    results.map(({ result, reason }) => [result, reason]),
    results.map(() => ["pushed", undefined]),
  );
  const mounts = front.requests().filter(({ method, query }) => method === "POST" && "mount" in query);
  assert.equal(mounts.length, 2, "the two of the probe");
});

test("a staging repository that breaks for minutes: the images are pushed without", {
  skip,
}, async (context) => {
  const namespace = fresh({ path: /mirrorlet-staging/, does: { kind: "status", status: 500 } });
  const path = bundleFile(context, "staging.tar.gz", compress(archive(twoImages()), "gzip"));
  const { results } = await pushPassing(front.url, path, { namespace });
  assert.deepEqual(
    results.map(({ result, reason }) => [result, reason]),
    results.map(() => ["pushed", undefined]),
  );
});

test("a full disk ends it, and a layer that goes through is sent once", { skip }, async (context) => {
  const body = '{"errors":[{"code":"UNKNOWN","detail":{"Op":"write","Err":28}}]}';
  const namespace = fresh({
    method: "PUT",
    overBytes: LARGE - 1,
    does: { kind: "status", status: 500, body },
  });
  const path = bundleFile(context, "full.tar.gz", compress(archive(twoImages()), "gzip"));
  await assert.rejects(pushPassing(front.url, path, { namespace }), /"Err":28/);
  const large = front
    .requests()
    .filter(({ method, headers }) => method === "PUT" && Number(headers["content-length"]) >= LARGE);
  assert.equal(large.length, 1);
});

test("a disk that is full at the first two bytes ends it before any layer is sent", {
  skip,
}, async (context) => {
  const body = '{"errors":[{"code":"UNKNOWN","detail":{"Op":"write","Err":28}}]}';
  const namespace = fresh({ method: "PUT", path: UPLOAD, does: { kind: "status", status: 500, body } });
  const path = bundleFile(context, "full.tar.gz", compress(archive(twoImages()), "gzip"));
  await assert.rejects(pushPassing(front.url, path, { namespace }), /"Err":28.*tried 2 times/);
  const sent = front
    .requests()
    .filter(({ method }) => method === "PUT")
    .map(({ headers }) => headers["content-length"]);
  assert.deepEqual(sent, ["2", "2"]);
});

test("a layer that breaks off while it goes through makes the registry get fewer at a time", {
  skip,
}, async (context) => {
  const large = { method: "PUT", path: UPLOAD, overBytes: LARGE - 1, times: 1 } as const;
  const namespace = fresh({ ...large, does: { kind: "status", status: 503 } });
  const path = bundleFile(context, "choke.tar.gz", compress(archive(twoImages()), "gzip"));
  const { results, events } = await pushPassing(front.url, path, { namespace });
  assert.deepEqual(
    results.map(({ result }) => result),
    ["pushed", "pushed"],
  );
  const steps = events.flatMap((event) => (event.kind === "concurrency" ? [event.limit] : []));
  assert.equal(steps[0], 2, `${steps}`);
});

test("a registry that is gone behind its proxy is waited for once, not for each blob that comes by", {
  skip,
}, async (context) => {
  const gone = { kind: "status", status: 502 } as const;
  const namespace = fresh({ path: UPLOAD, does: gone }, { path: /^\/v2\/$/, times: 99, does: gone });
  const images = Object.fromEntries(
    Array.from({ length: 10 }, (_, n) => [`gcr.io/n${n}:1`, buildImage({ bytesPerLayer: LARGE / 10 })]),
  );
  const path = bundleFile(context, "gone.tar.gz", compress(tarOf(indexFirst(images)), "gzip"));
  await assert.rejects(pushPassing(front.url, path, { namespace, threads: 1 }), /502 .*tried \d+ times/);
  const places = front.requests().filter((one) => UPLOAD.test(one.path));
  assert.equal(new Set(places.map((one) => one.path)).size, 1);
});

for (const by of ["a file", "standard input"] as const)
  test(`a held blob that was given up is tried no more, and each image with it says so once: by ${by}`, {
    skip,
  }, async (context) => {
    const shared = buildImage({ layers: 1, bytesPerLayer: 1_500_000 });
    const images = {
      "gcr.io/a:1": shared,
      "gcr.io/b:1": shared,
      "gcr.io/c:1": buildImage({ bytesPerLayer: 10_000 }),
    };
    const refused = { method: "PUT", path: UPLOAD, overBytes: 1_000_000 } as const;
    const namespace = fresh({ ...refused, does: { kind: "status", status: 502 } });
    const bytes = compress(tarOf(indexFirst(images)), "gzip");
    const source = by === "a file" ? bundleFile(context, "held.tar.gz", bytes) : bytes;
    const { results } = await pushPassing(front.url, source, { namespace });
    assert.deepEqual(
      results.map(({ result }) => result),
      ["failed", "failed", "pushed"],
    );
    for (const { reason = "" } of results.slice(0, 2))
      assert.equal(reason.match(/tried \d+ times/g)?.length, 1, reason);
    const tries = front
      .requests()
      .filter(({ method, headers }) => method === "PUT" && Number(headers["content-length"]) > 1_000_000);
    const [, told] = /tried (\d+) times/.exec(results[0]?.reason ?? "") ?? [];
    assert.equal(tries.length, Number(told));
    assert.equal(new Set(tries.map(({ path }) => path.split("/blobs/")[0])).size, 1);
  });
