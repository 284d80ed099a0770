import assert from "node:assert/strict";
import { test } from "node:test";

import { pushImages } from "../../../src/bundle/upload/push-images.ts";
import { startFaultyFront } from "../../support/faulty-front.ts";
import { frontedRegistry } from "../../support/fronted-registry.ts";
import { buildImage, type LabImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { memoryBundle } from "../../support/memory-bundle.ts";
import { connectForPush, planFor, pushBundle } from "../../support/push-bundle.ts";

import { createCa } from "../../support/tls.ts";

const skip = partSkipReason("docker-registry");
const LAYER = 3_000_000;

const { registry, front } = await frontedRegistry(skip);
let repository = 0;

/** An image that no test before has pushed, under a name of its own. */
function fresh(): { readonly name: string; readonly path: string; readonly image: LabImage } {
  const path = `faults/r${++repository}`;
  front.script();
  front.clearRequests();
  return { name: `gcr.io/${path}:1`, path, image: buildImage({ layers: 2, bytesPerLayer: LAYER }) };
}

async function isWhole(path: string, image: LabImage): Promise<boolean> {
  const urls = [
    `manifests/${image.digest}`,
    "manifests/1",
    ...image.blobs.map(({ digest }) => `blobs/${digest}`),
  ];
  const accept = image.mediaType;
  const replies = await Promise.all(
    urls.map((url) =>
      fetch(`${registry.storage.url}/v2/${path}/${url}`, { method: "HEAD", headers: { accept } }),
    ),
  );
  return replies.every(({ status }) => status === 200);
}

const UPLOAD = /\/blobs\/uploads\//;

for (const [what, rules] of [
  [
    "429 with Retry-After",
    [{ method: "POST", times: 3, does: { kind: "status", status: 429, headers: { "retry-after": "1" } } }],
  ],
  [
    "500 in the middle of uploads",
    [{ method: "PUT", path: UPLOAD, times: 2, does: { kind: "status", status: 500 } }],
  ],
  [
    "503 for a manifest",
    [{ method: "PUT", path: /manifests/, times: 2, does: { kind: "status", status: 503 } }],
  ],
  [
    "connections that break within a blob",
    [{ method: "PUT", overBytes: 1_000_000, times: 2, does: { kind: "reset", afterBytes: 1_000_000 } }],
  ],
  [
    "the answer to a finished upload lost",
    [{ method: "PUT", path: UPLOAD, times: 2, does: { kind: "lose-answer" } }],
  ],
  [
    "the answer to the tag lost",
    [{ method: "PUT", path: /manifests\/1$/, times: 5, does: { kind: "lose-answer" } }],
  ],
  [
    "uploads that the registry has lost",
    [
      {
        method: "PUT",
        path: UPLOAD,
        times: 2,
        does: {
          kind: "status",
          status: 404,
          body: '{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"lost"}]}',
        },
      },
    ],
  ],
] as const)
  test(`${what}: tried again until all is there`, { skip }, async () => {
    const { name, path, image } = fresh();
    front.script(...rules);
    const { results, events } = await pushBundle(front.url, memoryBundle({ [name]: image }));
    assert.deepEqual(
      results.map(({ result, reason }) => [result, reason]),
      [["pushed", undefined]],
    );
    assert.ok(
      events.some(({ kind }) => kind === "retry"),
      "nothing was tried again",
    );
    assert.equal(await isWhole(path, image), true);
  });

test("a finished upload whose answer was lost is not sent again", { skip }, async () => {
  const { name, image } = fresh();
  front.script({
    method: "PUT",
    path: UPLOAD,
    overBytes: 1_000_000,
    times: 1,
    does: { kind: "lose-answer" },
  });
  await pushBundle(front.url, memoryBundle({ [name]: image }), { threads: 1 });
  const large = front
    .requests()
    .filter(({ method, headers }) => method === "PUT" && Number(headers["content-length"]) > 1_000_000);
  assert.equal(large.length, 2, "two layers, each once");
});

test("a storm of 429 takes the concurrency down", { skip }, async () => {
  const { name, path, image } = fresh();
  front.script({
    method: "POST",
    times: 6,
    does: { kind: "status", status: 429, headers: { "retry-after": "1" } },
  });
  const { events } = await pushBundle(front.url, memoryBundle({ [name]: image }), { threads: 8 });
  const limits = events.flatMap((event) => (event.kind === "concurrency" ? [event.limit] : []));
  assert.equal(limits[0], 4);
  assert.equal(await isWhole(path, image), true);
});

test("Retry-After is waited for, however long", { skip }, async () => {
  const { name, image } = fresh();
  front.script({
    method: "POST",
    times: 1,
    does: { kind: "status", status: 503, headers: { "retry-after": "120" } },
  });
  const { events } = await pushBundle(front.url, memoryBundle({ [name]: image }), { threads: 1 });
  const [delay = 0] = events.flatMap((event) => (event.kind === "retry" ? [event.delayMs] : []));
  assert.ok(delay >= 120_000 && delay < 160_000, String(delay));
});

for (const [what, fault, needsChange] of [
  ["an immutable tag", { status: 412 }, true],
  ["a manifest that is refused", { status: 400, body: '{"errors":[{"code":"MANIFEST_INVALID"}]}' }, true],
  ["a registry that is busy for minutes", { status: 429 }, undefined],
] as const)
  test(`whether pushing again is of use: ${what}`, { skip }, async () => {
    const { name, image } = fresh();
    front.script({ method: "PUT", path: /manifests/, does: { kind: "status", ...fault } });
    const { results } = await pushBundle(front.url, memoryBundle({ [name]: image }));
    assert.deepEqual([results[0]?.result, results[0]?.needsChange], ["failed", needsChange]);
  });

test("a proxy that takes no large bodies gets pieces, as small as it needs", { skip }, async () => {
  const { name, path, image } = fresh();
  front.script({ overBytes: 1_000_000, does: { kind: "status", status: 413 } });
  const { results } = await pushBundle(front.url, memoryBundle({ [name]: image }));
  assert.equal(results[0]?.result, "pushed", results[0]?.reason);
  assert.equal(await isWhole(path, image), true);
  const patches = front.requests().filter(({ method, status }) => method === "PATCH" && status === 202);
  assert.ok(patches.length >= 6, String(patches.length));
  for (const { headers } of patches) assert.match(String(headers["content-range"]), /^\d+-\d+$/);
});

test("a piece that breaks goes on where the registry is, or begins again where it does not know", {
  skip,
}, async () => {
  const { name, path, image } = fresh();
  front.script({ method: "PATCH", times: 2, does: { kind: "reset", afterBytes: 200_000 } });
  const ways = { chunkBytes: 1_000_000, patchFirst: false };
  const { results } = await pushBundle(front.url, memoryBundle({ [name]: image }), { ways });
  assert.equal(results[0]?.result, "pushed", results[0]?.reason);
  assert.equal(await isWhole(path, image), true);
});

test("a Range that says less than was sent is believed, and nothing wrong is left behind", {
  skip,
}, async () => {
  const { name, path, image } = fresh();
  const lie = (headers: Readonly<Record<string, string>>) => ({ ...headers, range: "0-499999" });
  front.script({ method: "PATCH", times: 1, does: { kind: "headers", change: lie } });
  const ways = { chunkBytes: 1_000_000, patchFirst: false };
  const { results } = await pushBundle(front.url, memoryBundle({ [name]: image }), { ways });
  assert.equal(results[0]?.result, "pushed", results[0]?.reason);
  assert.equal(await isWhole(path, image), true);
});

test("a registry that takes bytes by PATCH only gets them so", { skip }, async () => {
  const { name, path, image } = fresh();
  front.script({
    method: "PUT",
    path: UPLOAD,
    overBytes: 0,
    does: { kind: "status", status: 404, body: '{"errors":[{"code":"BLOB_UNKNOWN"}]}' },
  });
  const { results } = await pushBundle(front.url, memoryBundle({ [name]: image }));
  assert.equal(results[0]?.result, "pushed", results[0]?.reason);
  assert.equal(await isWhole(path, image), true);
});

test("a mount that breaks each time becomes an upload, and no other is asked for", { skip }, async () => {
  const { name, path, image } = fresh();
  front.script({ method: "POST", parameter: "mount", does: { kind: "status", status: 500 } });
  const others = Array.from({ length: 4 }, (_, n) => `${path}/other${n}`);
  const images = { [name]: image, ...Object.fromEntries(others.map((one) => [`gcr.io/${one}:1`, image])) };
  const { results } = await pushBundle(front.url, memoryBundle(images), { threads: 1 });
  assert.deepEqual(
    results.map(({ result, reason }) => [result, reason]),
    results.map(() => ["pushed", undefined]),
  );
  for (const other of others) assert.equal(await isWhole(other, image), true);
  const mounts = front.requests().filter(({ method, query }) => method === "POST" && "mount" in query);
  assert.equal(mounts.length, 2);
});

for (const status of [401, 404, 403, 400])
  test(`a mount refused with ${status} becomes an upload`, { skip }, async () => {
    const { name, path, image } = fresh();
    front.script({ method: "POST", parameter: "mount", does: { kind: "status", status } });
    const other = `gcr.io/${path}/other:1`;
    const { results } = await pushBundle(front.url, memoryBundle({ [name]: image, [other]: image }));
    assert.deepEqual(
      results.map(({ result, reason }) => [result, reason]),
      [
        ["pushed", undefined],
        ["pushed", undefined],
      ],
    );
    assert.equal(await isWhole(`${path}/other`, image), true);
  });

test("a full disk ends in an error that says so, and no tag", { skip }, async () => {
  const { name, path, image } = fresh();
  const body =
    '{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":{"Err":"no space left on device"}}]}';
  front.script({
    method: "PUT",
    path: UPLOAD,
    overBytes: 1_000_000,
    does: { kind: "status", status: 500, body },
  });
  const { results } = await pushBundle(front.url, memoryBundle({ [name]: image }));
  assert.equal(results[0]?.result, "failed");
  assert.match(
    results[0]?.reason ?? "",
    /500 Internal Server Error .*no space left on device.*tried \d+ times/,
  );
  const head = await fetch(`${registry.storage.url}/v2/${path}/manifests/1`, { method: "HEAD" });
  assert.equal(head.status, 404);
});

test("a full disk: each layer is sent twice at most, and the push ends there", { skip }, async () => {
  const { name, path, image } = fresh();
  const body = `{"errors":[{"code":"UNKNOWN","detail":{"DriverName":"filesystem","Enclosed":{"Op":"write","Err":28}}}]}`;
  front.script({
    method: "PUT",
    path: UPLOAD,
    overBytes: 1_000_000,
    does: { kind: "status", status: 500, body },
  });
  const others = Array.from({ length: 9 }, (_, n) => [`gcr.io/${path}/o${n}:1`, image] as const);
  const images = { [name]: image, ...Object.fromEntries(others) };
  const { results, events } = await pushBundle(front.url, memoryBundle(images), { threads: 1 });
  const count = (wanted: string) => results.filter(({ result }) => result === wanted).length;
  assert.deepEqual([count("failed"), count("left")], [1, 9]);
  assert.match(
    results.find(({ result }) => result === "failed")?.reason ?? "",
    /^the registry's disk is full: make room there.*"Err":28.*tried 2 times\)/,
  );
  const large = front
    .requests()
    .filter(({ method, headers }) => method === "PUT" && Number(headers["content-length"]) > 1_000_000);
  assert.equal(large.length, 2);
  assert.equal(events.filter(({ kind }) => kind === "retry").length, 1);
});

test("a layer that stays refused is not tried by one image after the other", { skip }, async () => {
  const { name, path, image } = fresh();
  front.script({
    method: "PUT",
    path: UPLOAD,
    overBytes: 1_000_000,
    does: { kind: "status", status: 502 },
  });
  const others = Array.from({ length: 4 }, (_, n) => [`gcr.io/${path}/o${n}:1`, image] as const);
  const whole = `gcr.io/${path}/small:1`;
  const small = buildImage({ bytesPerLayer: 10_000 });
  const images = { [name]: image, ...Object.fromEntries(others), [whole]: small };
  const { results } = await pushBundle(front.url, memoryBundle(images));
  assert.deepEqual(
    results.map(({ result }) => result),
    ["failed", "failed", "failed", "failed", "failed", "pushed"],
  );
  const large = front
    .requests()
    .filter(({ method, headers }) => method === "PUT" && Number(headers["content-length"]) > 1_000_000);
  // Two layers, each by its first image alone.
  const places = new Set(large.map(({ path: asked }) => asked.replace(/\/blobs\/uploads\/.*/, "")));
  assert.ok(places.size <= 2, [...places].join(" "));
});

test("a registry that is gone behind its proxy is waited for once, not for each image", {
  skip,
}, async () => {
  const { path, image } = fresh();
  const names = Array.from({ length: 10 }, (_, n) => [`gcr.io/${path}/n${n}:1`, image] as const);
  const bundle = memoryBundle(Object.fromEntries(names));
  const { context, close } = connectForPush(front.url, { threads: 1 });
  front.script({ does: { kind: "status", status: 502 } });
  try {
    const results = await pushImages(await planFor(bundle, {}), { ...context, source: bundle.source });
    const failed = results.filter(({ result }) => result === "failed");
    assert.match(failed[0]?.reason ?? "", /502 .*tried \d+ times/);
    assert.deepEqual(
      results.slice(3).filter(({ result }) => result !== "left"),
      [],
    );
  } finally {
    close();
  }
});

test("a registry that restarts in the middle is waited for", { skip }, async () => {
  const { name, path, image } = fresh();
  front.script({ method: "PUT", path: UPLOAD, times: 1, does: { kind: "hang" } });
  const pushing = pushBundle(front.url, memoryBundle({ [name]: image }), { threads: 2 });
  while (!front.requests().some(({ method }) => method === "PUT"))
    await new Promise((done) => setTimeout(done, 5));
  await front.stop();
  setTimeout(() => void front.start(), 100);
  const { results } = await pushing;
  assert.equal(results[0]?.result, "pushed", results[0]?.reason);
  assert.equal(await isWhole(path, image), true);
});

test("a registry that stays away ends the push: what was not tried is left", { skip }, async () => {
  const { name, image } = fresh();
  const others = Object.fromEntries(
    Array.from({ length: 9 }, (_, n) => [`gcr.io/gone/${n}:1`, buildImage()]),
  );
  front.script({ method: "PUT", does: { kind: "hang" } });
  const pushing = pushBundle(front.url, memoryBundle({ [name]: image, ...others }), { threads: 1 });
  while (!front.requests().some(({ method }) => method === "PUT"))
    await new Promise((done) => setTimeout(done, 5));
  await front.stop();
  const { results } = await pushing;
  await front.start();
  assert.equal(results.filter(({ result }) => result === "failed").length, 1);
  assert.equal(results.filter(({ result }) => result === "left").length, 9);
  assert.match(
    results.find(({ result }) => result === "failed")?.reason ?? "",
    /connection refused .*tried \d+ times/,
  );
});

test("a registry that is busy at the first request is asked again", { skip }, async () => {
  const { name, image } = fresh();
  front.script({ path: /^\/v2\/$/, times: 2, does: { kind: "status", status: 503 } });
  const { results, events } = await pushBundle(front.url, memoryBundle({ [name]: image }));
  assert.equal(results[0]?.result, "pushed", results[0]?.reason);
  assert.equal(events.filter(({ kind }) => kind === "retry").length, 2);
});

test("a name that nobody listens on is not waited for", { skip }, async () => {
  const { name, image } = fresh();
  await front.stop();
  const pushing = pushBundle(front.url, memoryBundle({ [name]: image }));
  await assert.rejects(pushing, /^(?!.*tried).*connection refused/is);
  await front.start();
});

const elsewhere = "http://127.0.0.1:1/storage/x?signature=y";

test("a blob whose HEAD leads to a storage is there, and the storage is not asked", { skip }, async () => {
  const { name, path, image } = fresh();
  await pushBundle(registry.storage.url, memoryBundle({ [name]: image }));
  front.script(
    {
      method: "HEAD",
      path: /\/blobs\//,
      does: { kind: "status", status: 307, headers: { location: elsewhere } },
    },
    { method: "HEAD", path: /manifests/, times: 1, does: { kind: "status", status: 404 } },
  );
  const { results, events } = await pushBundle(front.url, memoryBundle({ [name]: image }), { deep: true });
  assert.deepEqual(
    results.map(({ result, reason }) => [result, reason]),
    [["pushed", undefined]],
  );
  const ends = events.flatMap((event) => (event.kind === "blob-end" ? [event.end] : []));
  assert.deepEqual([...new Set(ends)], ["there"]);
  assert.equal(await isWhole(path, image), true);
});

for (const what of ["is not there", "has a certificate of an unknown CA"] as const)
  test(`uploads that lead to a host that ${what} fail, and end nothing else`, { skip }, async (context) => {
    const { name, path, image } = fresh();
    const stranger = await startFaultyFront(registry.url, await (await createCa()).issueServer());
    context.after(() => stranger.stop());
    const target = what === "is not there" ? elsewhere : `${stranger.url}/x`;
    const other = buildImage({ bytesPerLayer: 10_000 });
    const there = `gcr.io/faults/there${repository}:1`;
    await pushBundle(registry.storage.url, memoryBundle({ [there]: other }));
    const away = (headers: Readonly<Record<string, string>>) => ({ ...headers, location: target });
    front.script({ method: "POST", does: { kind: "headers", change: away } });
    // As many as are worked on at a time: the last one begins when one of them has failed.
    const failing = [name, `gcr.io/${path}/b:1`, `gcr.io/${path}/c:1`].map((one) => [one, image] as const);
    const images = memoryBundle({ ...Object.fromEntries(failing), [there]: other });
    const { results } = await pushBundle(front.url, images, { threads: 1 });
    assert.deepEqual(
      results.map(({ result }) => result),
      ["failed", "failed", "failed", "there"],
    );
    assert.match(results[0]?.reason ?? "", new RegExp(`\\b${new URL(target).host}\\b`));
  });

test("uploads that lead to another name of the registry, which wants a login: what to do", {
  skip,
}, async () => {
  const { name, image } = fresh();
  const host = front.host.replace("127.0.0.1", "localhost");
  const away = (headers: Readonly<Record<string, string>>) => ({
    ...headers,
    location: `http://${host}${new URL(headers["location"] ?? "", front.url).pathname}`,
  });
  front.script(
    { method: "POST", does: { kind: "headers", change: away } },
    { method: "PUT", does: { kind: "status", status: 401 } },
  );
  const { results } = await pushBundle(front.url, memoryBundle({ [name]: image }));
  assert.match(
    results[0]?.reason ?? "",
    /401 Unauthorized; the registry sends uploads on to localhost:\d+, .*push to that, or correct the external URL/,
  );
});

test("an upload that is to go to plain http is refused", { skip }, async () => {
  const { name, image } = fresh();
  const elsewhere = (headers: Readonly<Record<string, string>>) => ({
    ...headers,
    location: "ftp://127.0.0.1/x",
  });
  front.script({ method: "POST", does: { kind: "headers", change: elsewhere } });
  const { results } = await pushBundle(front.url, memoryBundle({ [name]: image }));
  assert.match(results[0]?.reason ?? "", /wants the upload at an address that is no http/);
});
