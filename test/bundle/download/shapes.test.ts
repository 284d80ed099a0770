import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runMirrorlet } from "../../e2e/support/mirrorlet.ts";
import { buildImage, type LabImage, type LabObject } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { labManifest, labObject } from "../../support/memory-bundle.ts";
import { codes, scratch, verify } from "../../support/opened-bundle.ts";
import { ownState } from "../../support/own-state.ts";
import { copyImage } from "../../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../../support/registry.ts";

ownState();

const skip = partSkipReason("docker-registry");
const INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

let registry: LabRegistry;

before(async () => {
  if (skip === undefined) registry = await startRegistry();
});
after(() => registry?.stop());

const dump = (...args: readonly string[]) =>
  runMirrorlet(["dump", "--from", registry.host, "--plain-http", ...args]);

interface Child {
  readonly of: LabObject;
  readonly more?: object;
}

/** An index over manifests that others have, with all that these need. */
function indexOf(children: readonly Child[], parts: readonly LabImage[]): LabImage {
  const manifests = children.map(({ of: { mediaType, digest, bytes }, more }) => ({
    mediaType,
    digest,
    size: bytes.length,
    ...more,
  }));
  const index = labManifest(INDEX, JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }));
  return {
    ...index,
    manifests: [...parts.flatMap((part) => part.manifests), ...index.manifests],
    blobs: parts.flatMap(({ blobs }) => blobs),
  };
}

const top = ({ manifests, digest }: LabImage): LabObject => {
  const found = manifests.find((one) => one.digest === digest);
  assert.ok(found);
  return found;
};

const amd64 = { platform: { os: "linux", architecture: "amd64" } };
const armv7 = { platform: { os: "linux", architecture: "arm", variant: "v7" } };
const armv6 = { platform: { os: "linux", architecture: "arm", variant: "v6" } };

test("attestations go with the platform that they are for, variants are told apart", { skip }, async (t) => {
  const [one, two, three] = [buildImage(), buildImage(), buildImage()];
  const about = (image: LabImage, what: string) => ({
    of: top(buildAttestation(what)),
    more: {
      platform: { os: "unknown", architecture: "unknown" },
      annotations: { "vnd.docker.reference.digest": image.digest },
    },
  });
  const attestations = [buildAttestation("one"), buildAttestation("two")];
  const image = indexOf(
    [
      { of: top(one), more: amd64 },
      { of: top(two), more: armv7 },
      { of: top(three), more: armv6 },
      about(one, "one"),
      about(two, "two"),
    ],
    [one, two, three, ...attestations],
  );
  await copyImage(registry, "attested", "1", image);
  const file = join(scratch(t), "b.tar");
  const taken = async (...platforms: readonly string[]) => {
    const ended = await dump(
      "gcr.io/attested:1",
      "-o",
      file,
      ...platforms.flatMap((one) => ["--platform", one]),
    );
    assert.equal(ended.code, 0, ended.stderr);
    const found = await verify(file);
    assert.equal(
      codes(found).every((code) => code === "warning left-out-platform"),
      true,
    );
    const children = [one, two, three, ...attestations];
    return children.map(({ digest }) => found.bundle.blobs.has(digest));
  };
  assert.deepEqual(await taken(), [true, true, true, true, true]);
  assert.deepEqual(await taken("linux/amd64"), [true, false, false, true, false]);
  assert.deepEqual(await taken("linux/arm/v7"), [false, true, false, false, true]);
  assert.deepEqual(await taken("linux/arm"), [false, true, true, false, true]);
  assert.deepEqual(await taken("linux/amd64", "linux/arm/v6"), [true, false, true, true, false]);
});

function buildAttestation(what: string): LabImage {
  const config = labObject("application/vnd.oci.image.config.v1+json", Buffer.from(`{"about":"${what}"}`));
  const { mediaType, digest, bytes } = config;
  const text = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType, digest, size: bytes.length },
    layers: [],
  };
  return labManifest(MANIFEST, JSON.stringify(text), [config]);
}

test("indexes in an index come whole, and thinned out where a platform is asked for", { skip }, async (t) => {
  const [one, two] = [buildImage(), buildImage()];
  const inner = indexOf(
    [
      { of: top(one), more: amd64 },
      { of: top(two), more: armv7 },
    ],
    [one, two],
  );
  const outer = indexOf([{ of: top(inner) }], [inner]);
  await copyImage(registry, "nested", "1", outer);
  const file = join(scratch(t), "b.tar");
  assert.equal((await dump("gcr.io/nested:1", "-o", file)).code, 0);
  const whole = await verify(file);
  assert.deepEqual(codes(whole), []);
  assert.equal(
    whole.bundle.blobs.size,
    new Set([...outer.manifests, ...outer.blobs].map((o) => o.digest)).size,
  );
  assert.equal((await dump("gcr.io/nested:1", "-o", file, "--platform", "linux/amd64")).code, 0);
  const thin = await verify(file);
  assert.deepEqual(codes(thin), ["warning left-out-platform"]);
  assert.deepEqual(
    [one, two].map(({ digest }) => thin.bundle.blobs.has(digest)),
    [true, false],
  );
});

test("layers that may not be handed on are left where they are, and told", { skip }, async (t) => {
  const config = labObject("application/vnd.oci.image.config.v1+json", Buffer.from("{}"));
  const foreign = {
    mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    digest: `sha256:${"ab".repeat(32)}`,
    size: 1_000,
    urls: ["https://mcr.example/base"],
  };
  const text = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: config.mediaType, digest: config.digest, size: 2 },
    layers: [foreign],
  };
  const windows = labManifest(MANIFEST, JSON.stringify(text), [config]);
  await copyImage(registry, "windows", "1", windows);
  const file = join(scratch(t), "b.tar");
  const ended = await dump("gcr.io/windows:1", "-o", file);
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(
    ended.stdout,
    /note: left out, as what may not be handed on: 1 layer; nodes go to https:\/\/mcr\.example\/base/,
  );
  assert.deepEqual(codes(await verify(file)), ["warning foreign-layer"]);
  const other = await startRegistry();
  t.after(() => other.stop());
  const pushed = await runMirrorlet(["push", file, "--to", other.host, "--plain-http"]);
  assert.equal(pushed.code, 0, pushed.stdout);
});
