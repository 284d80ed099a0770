import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { buildImage, type LabImage } from "../support/image.ts";
import { partSkipReason } from "../support/lab-parts.ts";
import { blobPath, layoutParts } from "../support/layout-parts.ts";
import { labManifest, labObject } from "../support/memory-bundle.ts";
import { bundleFile } from "../support/opened-bundle.ts";
import { ownState } from "../support/own-state.ts";
import { compress } from "../support/push-passing.ts";
import { type LabRegistry, startRegistry } from "../support/registry.ts";
import { oldLayout, savedParts } from "../support/saved-images.ts";
import { type TarPart, tarOf } from "../support/tar.ts";
import { runMirrorlet } from "./support/mirrorlet.ts";

ownState();

const skip = partSkipReason("docker-registry");
const OCI = "application/vnd.oci.image.manifest.v1+json";
const BAD = "gcr.io/bad/one:1";

let registry: LabRegistry;
let pushes = 0;

before(async () => {
  if (skip === undefined) registry = await startRegistry();
});

after(() => registry?.stop());

const good = Object.fromEntries(
  [1, 2, 3].map((at) => [`gcr.io/good/${at}:1`, buildImage({ bytesPerLayer: 3_000 })]),
);
const image = buildImage({ platforms: ["linux/amd64", "linux/arm64"] });

function changed(
  parts: readonly TarPart[],
  path: string,
  change: (text: string) => string,
): readonly TarPart[] {
  assert.ok(
    parts.some(({ name }) => name === path),
    path,
  );
  return parts.map((part) =>
    part.name === path
      ? { ...part, content: change(Buffer.from(part.content ?? "").toString("latin1")) }
      : part,
  );
}

const flip = (text: string): string => text.replace('"size":', '"sizf":');
const childOf = ({ manifests }: LabImage): string => manifests[0]?.digest ?? "";
const beside = (bad: LabImage): readonly TarPart[] => layoutParts({ [BAD]: bad, ...good });
const schema1 = JSON.stringify({ schemaVersion: 1, name: "bad/one", tag: "1", fsLayers: [] });
const huge = JSON.stringify({ schemaVersion: 2, config: {}, layers: [], x: "x".repeat(4 * 1024 * 1024) });

const config = labObject("application/vnd.oci.image.config.v1+json", Buffer.from("{}"));
const described = { mediaType: config.mediaType, digest: config.digest, size: 3 };
const sparse = labManifest(OCI, JSON.stringify({ schemaVersion: 2, config: described, layers: [] }), [
  config,
]);

const cases: Readonly<Record<string, readonly [readonly TarPart[], RegExp]>> = {
  "a flipped byte in its list": [
    changed(beside(image), blobPath(image.digest), flip),
    /gcr\.io\/bad\/one:1 cannot be pushed: .*blobs\/sha256\/.* is damaged/,
  ],
  "a flipped byte in one of its manifests": [
    changed(beside(image), blobPath(childOf(image)), flip),
    /gcr\.io\/bad\/one:1 cannot be pushed: .*blobs\/sha256\/.* is damaged/,
  ],
  "a manifest of schema 1": [
    beside(labManifest("application/vnd.docker.distribution.manifest.v1+json", schema1)),
    /gcr\.io\/bad\/one:1 cannot be pushed: .* schema 1 is not taken/,
  ],
  "a manifest that is too large": [
    beside(labManifest(OCI, huge)),
    /gcr\.io\/bad\/one:1 cannot be pushed: .* bytes; registries take manifests of 4194304/,
  ],
  "a wrong size in a descriptor": [
    changed(beside(image), "index.json", (text) => text.replace(/("digest":"[^"]*","size":)(\d+)/, "$19$2")),
    /gcr\.io\/bad\/one:1 cannot be pushed: .* bytes instead of the 9\d+ that its descriptor says/,
  ],
  "a wrong size of its config": [
    beside(sparse),
    /gcr\.io\/bad\/one:1 cannot be pushed: .* has 2 bytes instead of the 3 that its descriptor says/,
  ],
  "a name that another image has as well": [
    changed(layoutParts({ [BAD]: image, "gcr.io/bad/two:1": buildImage(), ...good }), "index.json", (text) =>
      text.replace("gcr.io/bad/two:1", BAD),
    ),
    /gcr\.io\/bad\/one:1 \(sha256:.*\): sha256:[0-9a-f]+ is a different image/,
  ],
  "a place at the mirror that another has as well": [
    layoutParts({ [BAD]: image, "quay.io/bad/one:1": buildImage(), ...good }),
    /quay\.io\/bad\/one:1 \(sha256:.*\): gcr\.io\/bad\/one:1 is a different image/,
  ],
};

const foreign: Readonly<Record<string, TarPart>> = {
  "an index.json of something else": { name: "docs/index.json", content: '{"pages":[]}' },
  "an index.json that is no JSON": { name: "docs/index.json", content: "<html>" },
  "a manifest.json that is no JSON": { name: "web/manifest.json", content: "// none" },
  "a manifest.json of something else": { name: "web/manifest.json", content: '[{"src":"a.png"}]' },
};

for (const packed of ["tar", "gzip"] as const) {
  const push = async (bytes: Uint8Array, t: Parameters<typeof bundleFile>[0], ...more: readonly string[]) => {
    const namespace = `try${pushes++}`;
    const source = bundleFile(t, "bundle", compress(bytes, packed));
    const ended = await runMirrorlet([
      "push",
      source,
      "--to",
      `${registry.host}/${namespace}`,
      "--plain-http",
      ...more,
    ]);
    const tags = await fetch(`${registry.storage.url}/v2/${namespace}/bad/one/tags/list`);
    return { ...ended, badTags: tags.status };
  };

  for (const [what, [parts, message]] of Object.entries(cases))
    test(`${what} is its own image's matter (${packed})`, { skip }, async (t) => {
      const { code, stdout, stderr, badTags } = await push(tarOf(parts), t);
      assert.equal(code, 1, stderr);
      assert.match(stderr, message);
      assert.match(stdout, /^3 images pushed /);
      assert.equal(badTags, 404);
    });

  for (const [what, part] of Object.entries(foreign))
    test(`${what} is passed over, and that is told (${packed})`, { skip }, async (t) => {
      const { code, stdout, stderr } = await push(tarOf([part, ...layoutParts(good)]), t);
      assert.equal(code, 0, stderr);
      assert.match(stderr, new RegExp(`${part.name}.*: passed over: `));
      assert.match(stdout, /^3 images pushed /);
    });

  test(`a flipped byte in a config of docker save is its own image's matter (${packed})`, {
    skip,
  }, async (t) => {
    const [bad, fine] = [savedParts("bad/one:1", ["bad"]), savedParts("fine:1", ["fine"])];
    const entries = [...oldLayout(bad), ...oldLayout(fine)].filter(
      ({ name }) => !/^(?:manifest\.json|repositories)$/.test(name),
    );
    const lists = [bad, fine].map(
      (one) => oldLayout(one).find(({ name }) => name === "manifest.json")?.content,
    );
    const both = lists.flatMap((list) => JSON.parse(String(list)));
    const parts = changed(entries, `${bad.configHex}.json`, (text) => text.replace("amd64", "amd65"));
    const bytes = tarOf([...parts, { name: "manifest.json", content: JSON.stringify(both) }]);
    const { code, stdout, stderr, badTags } = await push(bytes, t, "--allow-new-digest");
    assert.equal(code, 1, stderr);
    assert.match(stderr, /docker\.io\/bad\/one:1 cannot be pushed: .*\.json.*: the config has the digest /);
    assert.match(stdout, /^1 image pushed /);
    assert.equal(badTags, 404);
  });

  test(`where nothing else is in it, what was passed over is why (${packed})`, { skip }, async (t) => {
    const { code, stderr } = await push(tarOf([{ name: "manifest.json", content: "// none" }]), t);
    assert.equal(code, 65, stderr);
    assert.match(stderr, /no bundle: .*manifest\.json.*: passed over: it is no JSON/);
  });

  test(`what leads out of an archive still refuses the whole (${packed})`, { skip }, async (t) => {
    const { code, stderr } = await push(tarOf([...layoutParts(good), { name: "../x", content: "x" }]), t);
    assert.equal(code, 65);
    assert.match(stderr, /its path leads out/);
  });
}
