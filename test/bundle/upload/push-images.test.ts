import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { buildImage, type LabImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { labManifest, labObject, memoryBundle } from "../../support/memory-bundle.ts";
import { pushBundle } from "../../support/push-bundle.ts";
import { type LabRegistry, startRegistry } from "../../support/registry.ts";

const skip = partSkipReason("docker-registry");

async function registryFor(context: TestContext, options: Parameters<typeof startRegistry>[0] = {}) {
  const registry = await startRegistry(options);
  context.after(() => registry.stop());
  return registry;
}

/** What the registry has under a reference, straight from its storage. */
async function stored(registry: LabRegistry, repository: string, reference: string): Promise<Response> {
  const accept = [...ACCEPT].join(", ");
  return fetch(`${registry.storage.url}/v2/${repository}/manifests/${reference}`, { headers: { accept } });
}
const ACCEPT = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

function requestLines(registry: LabRegistry, method: string): readonly string[] {
  return registry
    .requests()
    .filter((request) => request.method === method)
    .map(({ path, status }) => `${path.replace(/[0-9a-f-]{36}$/, "ID")} ${status}`);
}

test("manifests and lists arrive byte for byte, Docker and OCI types alike, below the namespace", {
  skip,
}, async (context) => {
  const registry = await registryFor(context);
  const images: Record<string, LabImage> = {
    "gcr.io/a/oci:1": buildImage({ platforms: ["linux/amd64", "linux/arm64"], layers: 2 }),
    "gcr.io/a/docker:1": buildImage({ platforms: ["linux/amd64", "linux/arm64"], format: "docker" }),
    "docker.io/library/single:2": buildImage({ bytesPerLayer: 3_000_000 }),
  };
  const pushed = await pushBundle(registry.url, memoryBundle(images), { namespace: "site/x" });
  assert.deepEqual(
    pushed.results.map(({ result }) => result),
    ["pushed", "pushed", "pushed"],
  );
  for (const [name, image] of Object.entries(images)) {
    const [, repository = "", tag = ""] = /^[^/]*\/(.*):(.*)$/.exec(name) ?? [];
    const reply = await stored(registry, `site/x/${repository}`, tag);
    assert.equal(reply.status, 200, name);
    assert.equal(reply.headers.get("content-type"), image.mediaType);
    assert.deepEqual(
      Buffer.from(await reply.arrayBuffer()),
      Buffer.from(image.manifests.at(-1)?.bytes ?? []),
    );
  }
});

test("odd white space and unknown fields stay as they are", { skip }, async (context) => {
  const registry = await registryFor(context);
  const config = labObject("application/vnd.oci.image.config.v1+json", Buffer.from("{}"));
  const text = `{ "schemaVersion":2,\n\t"x-own": [1, 2],  "mediaType": "application/vnd.oci.image.manifest.v1+json",
 "config":{"mediaType":"${config.mediaType}","digest":"${config.digest}","size":2},"layers":[ ]}\n\n`;
  const image = labManifest("application/vnd.oci.image.manifest.v1+json", text, [config]);
  await pushBundle(registry.url, memoryBundle({ "gcr.io/odd:1": image }));
  assert.equal(await (await stored(registry, "odd", image.digest)).text(), text);
});

test("a shared layer is sent once and mounted elsewhere; a second push asks once an image and sends nothing", {
  skip,
}, async (context) => {
  const registry = await registryFor(context);
  const base = buildImage({ layers: 3, bytesPerLayer: 100_000 });
  const images = Object.fromEntries([1, 2, 3, 4].map((n) => [`gcr.io/team/app-${n}:v`, base]));
  const bundle = memoryBundle(images);
  const { events } = await pushBundle(registry.url, bundle);
  assert.equal(
    requestLines(registry, "PUT").filter((line) => line.includes("/blobs/")).length,
    base.blobs.length,
  );
  const ends = events.flatMap((event) => (event.kind === "blob-end" ? [event.end] : []));
  assert.equal(ends.filter((end) => end === "mounted").length, 3 * base.blobs.length);
  assert.equal(
    events.reduce((sum, event) => sum + (event.kind === "blob-end" ? event.sentBytes : 0), 0),
    base.blobs.reduce((sum, { bytes }) => sum + bytes.length, 0),
  );

  registry.clearRequests();
  const again = await pushBundle(registry.url, bundle);
  assert.deepEqual(
    again.results.map(({ result }) => result),
    ["there", "there", "there", "there"],
  );
  assert.deepEqual(
    registry
      .requests()
      .map(({ method, path }) => `${method} ${path}`)
      .sort(),
    ["GET /v2/", ...[1, 2, 3, 4].map((n) => `HEAD /v2/team/app-${n}/manifests/v`)],
  );
});

test("a tag appears only when all of its image is there: children, then the list, the tag last", {
  skip,
}, async (context) => {
  const registry = await registryFor(context);
  const image = buildImage({ platforms: ["linux/amd64", "linux/arm64"], layers: 2 });
  await pushBundle(registry.url, memoryBundle({ "gcr.io/a/b:1": image }));
  const puts = registry
    .requests()
    .filter(({ method }) => method === "PUT")
    .map(({ path }) => path);
  const manifests = puts.filter((path) => path.includes("/manifests/"));
  assert.deepEqual(manifests, [
    ...image.manifests.slice(0, -1).map(({ digest }) => `/v2/a/b/manifests/${digest}`),
    "/v2/a/b/manifests/1",
  ]);
  assert.deepEqual(puts.slice(-3), manifests, "after all blobs");
});

test("a damaged blob fails its own image and names the place; nothing of it is tagged, others are pushed", {
  skip,
}, async (context) => {
  const registry = await registryFor(context);
  const good = buildImage();
  const bad = buildImage({ bytesPerLayer: 200_000 });
  const layer = bad.blobs[1];
  assert.ok(layer);
  const wrong = Uint8Array.from(layer.bytes);
  wrong[150_000] = (wrong[150_000] ?? 0) ^ 1;
  const bundle = memoryBundle(
    { "gcr.io/bad:1": bad, "gcr.io/good:1": good },
    { damaged: { [layer.digest]: wrong } },
  );
  const { results } = await pushBundle(registry.url, bundle);
  assert.deepEqual(
    results.map(({ result }) => result),
    ["failed", "pushed"],
  );
  assert.match(results[0]?.reason ?? "", /^blobs\/sha256\/[0-9a-f]{64} is damaged: /);
  assert.equal((await stored(registry, "bad", "1")).status, 404);
  const head = await fetch(`${registry.storage.url}/v2/bad/blobs/${layer.digest}`, { method: "HEAD" });
  assert.equal(head.status, 404);
});

test("an image whose parts the bundle lacks is pushed where the registry has them, and refused where not", {
  skip,
}, async (context) => {
  const registry = await registryFor(context);
  const image = buildImage({ platforms: ["linux/amd64", "linux/arm64"] });
  const arm = image.manifests[1];
  assert.ok(arm);
  const part = memoryBundle({ "gcr.io/a:1": image }, { without: [arm.digest] });
  const refused = await pushBundle(registry.url, part);
  assert.equal(refused.results[0]?.result, "failed");
  assert.match(
    refused.results[0]?.reason ?? "",
    /takes no list without all that it names, and the bundle was made without 1 of its manifests/,
  );
  await pushBundle(registry.url, memoryBundle({ "gcr.io/a:other": image }));
  const taken = await pushBundle(registry.url, part);
  assert.equal(taken.results[0]?.result, "pushed");
  const bare = buildImage({ platforms: ["linux/amd64", "linux/arm64"] });
  const without = bare.manifests.slice(0, -1).map(({ digest }) => digest);
  const { results } = await pushBundle(registry.url, memoryBundle({ "gcr.io/bare:1": bare }, { without }));
  assert.match(
    results[0]?.reason ?? "",
    /^neither the bundle nor the registry has its manifest for linux\/amd64 /,
    "a list of which nothing is there was not thinned out",
  );
});

test("referrers go with their image, and are listed under the fallback tag where the registry does not list them", {
  skip,
}, async (context) => {
  const registry = await registryFor(context);
  const image = buildImage();
  const empty = labObject("application/vnd.oci.empty.v1+json", Buffer.from("{}"));
  const signature = (n: number): LabImage =>
    labManifest(
      "application/vnd.oci.image.manifest.v1+json",
      JSON.stringify({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        artifactType: `application/x-signature-${n}`,
        config: { mediaType: empty.mediaType, digest: empty.digest, size: 2 },
        layers: [],
        subject: { mediaType: image.mediaType, digest: image.digest, size: image.manifests[0]?.bytes.length },
        annotations: { n: String(n) },
      }),
      [empty],
    );
  const first = signature(1);
  const second = signature(2);
  await pushBundle(
    registry.url,
    memoryBundle({ "gcr.io/s:1": image }, { extra: [{ name: undefined, image: first }] }),
  );
  const both = [first, second].map((each) => ({ name: undefined, image: each }));
  const { results } = await pushBundle(registry.url, memoryBundle({ "gcr.io/s:1": image }, { extra: both }));
  assert.equal(results[0]?.result, "pushed", "a new signature of an image that was there");
  const index = (await (await stored(registry, "s", image.digest.replace(":", "-"))).json()) as {
    manifests: { digest: string; artifactType: string; annotations: unknown }[];
  };
  assert.deepEqual(
    index.manifests.map(({ digest, artifactType, annotations }) => ({ digest, artifactType, annotations })),
    [
      { digest: first.digest, artifactType: "application/x-signature-1", annotations: { n: "1" } },
      { digest: second.digest, artifactType: "application/x-signature-2", annotations: { n: "2" } },
    ],
  );
  assert.equal((await stored(registry, "s", second.digest)).status, 200);
});
