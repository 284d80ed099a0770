import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { createBlobPlaces } from "../../../src/bundle/download/blob-places.ts";
import { dumpWhole } from "../../../src/bundle/download/dump-whole.ts";
import { fetchBlobs } from "../../../src/bundle/download/fetch-blobs.ts";
import { connectRegistry } from "../../../src/bundle/registry/connect-registry.ts";
import { createRetrier, ExhaustedError } from "../../../src/bundle/registry/retrier.ts";
import { planImages } from "../../../src/core/bundle/dump/plan-images.ts";
import { createLanes } from "../../../src/core/bundle/push/lanes.ts";
import { mirrorletEnvironment, mirrorletProgram, runMirrorlet } from "../../e2e/support/mirrorlet.ts";
import { buildImage, type LabImage, type LabObject } from "../../support/image.ts";
import { labManifest, labObject } from "../../support/memory-bundle.ts";
import { codes, scratch, verify } from "../../support/opened-bundle.ts";
import { type Rule, startScriptedRegistry } from "../../support/scripted-registry.ts";

const MIB = 1024 * 1024;

const absent = (repository: string, blob: LabObject | undefined): Rule => ({
  path: new RegExp(`/v2/${repository}/blobs/${blob?.digest}`),
  does: { kind: "status", status: 404 },
});

async function served(t: TestContext, images: Readonly<Record<string, LabImage>>, ...rules: readonly Rule[]) {
  const registry = await startScriptedRegistry();
  t.after(() => registry.stop());
  for (const [repository, image] of Object.entries(images)) registry.put(repository, "1", image);
  registry.script(...rules);
  const folder = scratch(t);
  const file = join(folder, "b.tar");
  const names = Object.keys(images).map((repository) => `gcr.io/${repository}:1`);
  const args = ["dump", ...names, "--from", registry.host, "--plain-http", "-o"];
  const dump = () => runMirrorlet([...args, file]);
  return { registry, folder, file, args, dump };
}

const layer = (size: number): LabObject =>
  labObject("application/vnd.oci.image.layer.v1.tar", Buffer.alloc(size, Math.random().toString(36)));

/** An image of these layers. */
function imageOf(...layers: readonly LabObject[]): LabImage {
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const own = Math.random();
  const config = labObject("application/vnd.oci.image.config.v1+json", Buffer.from(JSON.stringify({ own })));
  const describe = (object: LabObject) => ({
    mediaType: object.mediaType,
    digest: object.digest,
    size: object.bytes.length,
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: describe(config),
    layers: layers.map(describe),
  });
  return labManifest(mediaType, manifest, [config, ...layers]);
}

test("several images lack a blob: all show at once, what is known of the others is not asked for again", async (t) => {
  const images = Object.fromEntries(
    [1, 2, 3, 4, 5].map((at) => [`a/${at}`, buildImage({ layers: 3, bytesPerLayer: 100_000 })]),
  );
  const rules = [1, 3, 5].map((at) => absent(`a/${at}`, images[`a/${at}`]?.blobs.at(-1)));
  const { registry, file, dump } = await served(t, images, ...rules);
  const { code, stderr } = await dump();
  assert.equal(code, 1);
  const lines = stderr.trimEnd().split("\n");
  assert.deepEqual(
    lines.slice(0, 3).map((line) => line.slice(0, "mirrorlet: gcr.io/a/1:1: ".length)),
    [1, 3, 5].map((at) => `mirrorlet: gcr.io/a/${at}:1: `),
  );
  for (const line of lines.slice(0, 3))
    assert.match(line, /404 .*the image's manifest is there, and this part of it is not: push the image/);
  assert.deepEqual(lines.slice(3), ["mirrorlet: the bundle is begun anew without them"]);
  const found = await verify(file);
  assert.deepEqual(codes(found), []);
  assert.deepEqual(
    found.bundle.images.map(({ name }) => name),
    ["gcr.io/a/2:1", "gcr.io/a/4:1"],
  );
  const manifests = registry.requests().filter(({ path }) => /\/manifests\/1$/.test(path));
  assert.equal(manifests.length, 5, "each tag once");
});

test("to standard output nothing can be taken back: all that lack something are named", async (t) => {
  const images = Object.fromEntries([1, 2, 3].map((at) => [`a/${at}`, buildImage()]));
  const rules = [1, 3].map((at) => absent(`a/${at}`, images[`a/${at}`]?.blobs.at(-1)));
  const { args } = await served(t, images, ...rules);
  const [program, ...first] = mirrorletProgram();
  const child = spawn(program, [...first, ...args, "-"], { env: mirrorletEnvironment });
  child.stdout.resume();
  const [code, stderr] = await Promise.all([once(child, "close").then(([end]) => end), text(child.stderr)]);
  assert.equal(code, 1);
  assert.match(stderr, /gcr\.io\/a\/1:1: .*\n.*gcr\.io\/a\/3:1: .*\n.*is no whole bundle\n$/);
});

for (const [what, size, isBegunAnew] of [
  ["small", 1000, false],
  ["large", 12 * MIB, false],
  ["large, which is damaged", 12 * MIB, true],
] as const)
  test(`a ${what} blob that one repository lacks is taken from another image's`, async (t) => {
    const shared = imageOf(layer(size));
    const path = new RegExp(`/v2/a/one/blobs/${shared.blobs[1]?.digest}`);
    const change = (bytes: Uint8Array) => Buffer.concat([bytes.subarray(1), Buffer.from("!")]);
    const rule: Rule = isBegunAnew
      ? { path, does: { kind: "body", change } }
      : { path, does: { kind: "status", status: 404 } };
    const { registry, file, dump } = await served(t, { "a/one": shared, "b/two": shared }, rule);
    const { code, stdout, stderr } = await dump();
    assert.equal(code, 0, stderr);
    const [said, ...more] = stderr.trimEnd().split("\n");
    assert.match(
      said ?? "",
      new RegExp(`(404 [^;]*|is damaged); it is taken from ${registry.host}/b/two instead$`),
    );
    assert.deepEqual(more, isBegunAnew ? ["mirrorlet: the bundle is begun anew"] : []);
    assert.match(stdout, /^2 images, 2 blobs/);
    assert.deepEqual(codes(await verify(file)), []);
  });

test("a blob that one registry lacks is taken from another one", async (t) => {
  const shared = imageOf(layer(1000));
  const { registry: one, file } = await served(t, { "a/one": shared }, absent("a/one", shared.blobs[1]));
  const { registry: two } = await served(t, { "b/two": shared });
  const names = [`${one.host}/a/one:1`, `${two.host}/b/two:1`];
  const { code, stderr } = await runMirrorlet(["dump", ...names, "--plain-http", "-o", file]);
  assert.equal(code, 0, stderr);
  assert.ok(stderr.endsWith(`; it is taken from ${two.host}/b/two instead\n`), stderr);
  assert.deepEqual(codes(await verify(file)), []);
});

test("the repository of an image that is left out still serves what others share with it", async (t) => {
  const shared = layer(1000);
  const images = { "a/one": imageOf(shared), "b/two": imageOf(shared, layer(2000)) };
  const rules = [absent("a/one", shared), absent("b/two", images["b/two"].blobs[2])];
  const { file, dump } = await served(t, images, ...rules);
  const { code, stderr } = await dump();
  assert.equal(code, 1, stderr);
  const found = await verify(file);
  assert.deepEqual(codes(found), []);
  assert.deepEqual(
    found.bundle.images.map(({ name }) => name),
    ["gcr.io/a/one:1"],
  );
});

/** An image with one blob, at a registry that is asked with a clock that runs. */
async function atRegistry(t: TestContext, rule: Rule) {
  const registry = await startScriptedRegistry();
  t.after(() => registry.stop());
  const image = imageOf(layer(1000));
  registry.put("a/one", "1", image);
  registry.script(rule);
  const { signal } = new AbortController();
  const { link, close } = connectRegistry({
    url: new URL(registry.url),
    tls: { skipVerify: false },
    loginFor: async () => undefined,
    environment: {},
    root: "/",
    now: Date.now,
    signal,
  });
  t.after(close);
  let clock = 0;
  const source = {
    ...{ host: "gcr.io", link, ways: { listsThem: undefined } },
    repositoryOf: (name: string) => name,
  };
  const context = {
    sourceFor: async () => source,
    retrier: createRetrier({
      now: () => (clock += 30_000),
      random: () => 0,
      pause: async () => {},
      onRetry: () => {},
    }),
    lanes: createLanes(1),
    signal,
  };
  return { image, context };
}

for (const [what, rule] of [
  ["a registry that is busy for minutes", { does: { kind: "status", status: 503 } }],
  ["a blob that a registry stumbles over for minutes", { does: { kind: "status", status: 500 } }],
  ["connections that break for minutes", { does: { kind: "cut", afterBytes: 10 } }],
] as const)
  test(`${what}: an outage, and no image is left out for it`, async (t) => {
    const { image, context } = await atRegistry(t, { path: /\/blobs\//, ...rule });
    const blobs = image.blobs.map(({ digest, bytes }) => ({ digest, size: bytes.length }));
    const images = [{ from: "gcr.io/a/one", blobs: new Set(blobs.map(({ digest }) => digest)) }];
    const planned = planImages({ images: [], manifests: new Map(), platforms: [] });
    const going = dumpWhole(
      { ...planned, images: images.map((one) => ({ ...one, name: "a", digest: "", bytes: 0, newBytes: 0 })) },
      {
        async write(_, places) {
          const content = fetchBlobs(blobs, places, context, () => {});
          for await (const _chunk of content(0));
          throw new Error("it came");
        },
        look: async () => {},
        canBeginAnew: true,
        onNews: ({ kind }) => assert.fail(kind),
      },
    );
    await assert.rejects(going, ExhaustedError);
  });

test("what is wrong again and again is believed the second time, and where nothing is left there is an end", () => {
  const told: string[] = [];
  const blobs = new Set(["sha256:1"]);
  const places = createBlobPlaces(
    ["gcr.io/a", "quay.io/b"].map((from) => ({ from, blobs })),
    (_, from) => told.push(from),
  );
  places.suspect("sha256:1", "gcr.io/a", new Error("wrong"));
  assert.deepEqual(places.of("sha256:1"), ["gcr.io/a", "quay.io/b"]);
  places.suspect("sha256:1", "gcr.io/a", new Error("wrong again"));
  assert.deepEqual([places.of("sha256:1"), told], [["quay.io/b"], ["quay.io/b"]]);
  places.lose("sha256:1", "quay.io/b", new Error("not there"));
  places.lose("sha256:1", "quay.io/b", new Error("not there"));
  assert.equal(places.lossOf("sha256:1")?.message, "wrong again");
  assert.deepEqual(told, ["quay.io/b"]);
});

test("an answer that says nothing about the blob itself ends the dump, and nothing is left", async (t) => {
  const images = { "a/one": imageOf(layer(1000)), "b/two": imageOf(layer(1000)) };
  const rule: Rule = { path: /a\/one\/blobs\//, does: { kind: "status", status: 400 } };
  const { folder, dump } = await served(t, images, rule);
  const { code, stderr } = await dump();
  assert.equal(code, 1);
  assert.match(stderr, /GET .*: 400 .*\nmirrorlet: no bundle was made\n$/);
  assert.deepEqual(readdirSync(folder), []);
});
