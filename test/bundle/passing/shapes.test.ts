import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { layoutParts } from "../../support/layout-parts.ts";
import { scratch } from "../../support/opened-bundle.ts";
import { compress, type PushedPassing, pushPassing, sentBytes } from "../../support/push-passing.ts";
import { type LabRegistry, startRegistry } from "../../support/registry.ts";
import { craneLayout, oldLayout, savedParts } from "../../support/saved-images.ts";
import { tarOf } from "../../support/tar.ts";
import { createCa } from "../../support/tls.ts";

const skip = partSkipReason("docker-registry");
/** More than is held in memory, so that it goes through. */
const LARGE = 13_000_000;

let registry: LabRegistry;

before(async () => {
  if (skip === undefined) registry = await startRegistry();
});

after(() => registry?.stop());

function assertPushed({ results }: PushedPassing): void {
  assert.deepEqual(
    results.filter(({ result }) => result !== "pushed"),
    [],
  );
}

test("docker save of old, whose layers tell no digest: one pass, small and large, with what looks like a bundle in a layer", {
  skip,
}, async () => {
  const inner = tarOf(layoutParts({ "gcr.io/inside/a:1": buildImage() }));
  const layers = [
    "text",
    tarOf([{ name: "big", content: randomBytes(LARGE) }]),
    tarOf([{ name: "usr/share/images/bundle.tar", content: inner }]),
  ];
  const saved = savedParts("gcr.io/saved/a:1", layers);
  const bytes = compress(tarOf(oldLayout(saved)), "gzip");
  const pushed = await pushPassing(registry.url, bytes, { namespace: "old", allowNewDigest: true });
  assertPushed(pushed);
  assert.equal(pushed.results.length, 1);
  const layersBytes = saved.layers.reduce((sum, layer) => sum + layer.bytes.length, saved.config.length);
  assert.equal(sentBytes(pushed), layersBytes);
});

test("image tars in a compressed tar: what they share is sent once", { skip }, async () => {
  const shared = buildImage({ layers: 2, bytesPerLayer: 200_000 });
  const saved = savedParts("gcr.io/nested/saved:1", ["one", "two"]);
  const parts = [
    { name: "images/a.tar", content: tarOf(layoutParts({ "gcr.io/nested/a:1": shared })) },
    { name: "images/b.tar", content: tarOf(layoutParts({ "gcr.io/nested/b:1": shared })) },
    { name: "images/c.tar", content: tarOf(craneLayout(saved)) },
    {
      name: "images/d.tar.gz",
      content: compress(tarOf(layoutParts({ "gcr.io/nested/d:1": buildImage() })), "gzip"),
    },
  ];
  const bytes = compress(tarOf(parts), "zstd");
  const pushed = await pushPassing(registry.url, bytes, { namespace: "nested", allowNewDigest: true });
  assertPushed(pushed);
  assert.equal(pushed.results.length, 4);
  assert.equal(pushed.passes, 1);
  const uploads = pushed.events.filter((event) => event.kind === "blob-end" && event.end === "uploaded");
  const digests = uploads.map((event) => (event.kind === "blob-end" ? event.digest : ""));
  assert.equal(new Set(digests).size, digests.length, "nothing twice");
});

test("a folder with compressed bundles in it", { skip }, async (context) => {
  const folder = scratch(context);
  for (const n of [1, 2]) {
    const image = buildImage({ layers: 2, bytesPerLayer: n === 1 ? LARGE : 1_000 });
    const bytes = compress(tarOf(layoutParts({ [`gcr.io/folder/i${n}:1`]: image })), "gzip");
    writeFileSync(join(folder, `bundle-${n}.tar.gz`), bytes);
  }
  const pushed = await pushPassing(registry.url, folder, { namespace: "folder" });
  assertPushed(pushed);
  assert.equal(pushed.results.length, 2);
});

test("tokens that end soon, over TLS: staged, mounted from there with a right of its own, and sent once", {
  skip,
}, async (context) => {
  const ca = await createCa();
  const credential = { username: "pusher", password: "secret" };
  const auth = { kind: "token", ...credential, mayPush: true, lifetimeSeconds: 1 } as const;
  const site = await startRegistry({ tls: await ca.issueServer(), auth });
  context.after(() => site.stop());
  const images = {
    "gcr.io/a/one:1": buildImage({ layers: 4, bytesPerLayer: 1_000_000 }),
    "gcr.io/a/two:1": buildImage({ bytesPerLayer: LARGE }),
  };
  const pushed = await pushPassing(site.url, compress(tarOf(layoutParts(images)), "gzip"), {
    namespace: "ns",
    tls: { ca: ca.cert, skipVerify: false },
    login: { kind: "login", ...credential },
    threads: 1,
  });
  assertPushed(pushed);
  const blobs = Object.values(images).flatMap((image) => image.blobs);
  assert.equal(
    sentBytes(pushed),
    blobs.reduce((sum, { bytes }) => sum + bytes.length, 0),
  );
  const scopes = site.requests().flatMap(({ path, query }) => (path === "/token" ? [query["scope"]] : []));
  assert.ok(scopes.includes("repository:ns/mirrorlet-staging:pull,push"), JSON.stringify(scopes));
});
