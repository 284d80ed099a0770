import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { openBlobs } from "../../../src/bundle/read/open-blobs.ts";
import type { VerifiedBundle } from "../../../src/bundle/read/verify-bundle.ts";
import { bundleFile, codes, scratch, verify, verifyPiped } from "../../support/opened-bundle.ts";
import {
  blobLayout,
  craneLayout,
  craneManifest,
  hexOf,
  oldLayout,
  type SavedParts,
  savedParts,
} from "../../support/saved-images.ts";
import { type TarPart, tarOf } from "../../support/tar.ts";

const parts = savedParts("app:1", ["one", "two", "one", "x".repeat(5000)]);

/** From a file and through a pipe: both have to say the same. */
async function both(t: Parameters<typeof scratch>[0], entries: readonly TarPart[]): Promise<VerifiedBundle> {
  const bytes = tarOf(entries);
  const fromFile = await verify(bundleFile(t, "a.tar", bytes));
  const piped = await verifyPiped(bytes);
  assert.deepEqual(piped.bundle.images, fromFile.bundle.images);
  assert.deepEqual(codes(piped), codes(fromFile));
  return fromFile;
}

test("docker save up to 24: layers that are links, a manifest made anew, the same from anywhere", async (t) => {
  const found = await both(t, oldLayout(parts));
  const [image] = found.bundle.images;
  assert.equal(image?.name, "docker.io/library/app:1");
  assert.match(image?.newDigest ?? "", /no manifest of it.*made anew.*image ID sha256:/);
  assert.deepEqual(codes(found), []);
  const manifest = await read(found, image?.top.digest ?? "");
  assert.equal(`sha256:${hexOf(manifest)}`, image?.top.digest);
  const { config, layers } = JSON.parse(manifest.toString());
  assert.equal(config.digest, `sha256:${parts.configHex}`);
  assert.deepEqual(
    layers.map(({ digest }: { digest: string }) => digest),
    parts.layers.map(({ hex }) => `sha256:${hex}`),
  );
  for (const { digest, size } of [config, ...layers]) {
    const bytes = await read(found, digest);
    assert.deepEqual([`sha256:${hexOf(bytes)}`, bytes.length], [digest, size]);
  }
});

test("docker save from 25: index.json keeps the digest that is in the archive", async (t) => {
  const found = await both(t, blobLayout(parts, true));
  assert.deepEqual(codes(found), []);
  assert.deepEqual(
    found.bundle.images.map(({ name, newDigest }) => [name, newDigest]),
    [["docker.io/library/app:1", undefined]],
  );
});

test("docker save of 25.0, whose manifest has no layers: manifest.json is taken, and said", async (t) => {
  const found = await both(t, blobLayout(parts, false));
  const [image] = found.bundle.images;
  assert.equal(found.bundle.images.length, 1);
  assert.match(image?.newDigest ?? "", /the manifest in the archive is not whole/);
  const { layers } = JSON.parse((await read(found, image?.top.digest ?? "")).toString());
  assert.equal(layers.length, parts.layers.length);
  assert.deepEqual(codes(found), []);
});

test("a layer that crane has compressed is held to both of its digests", async (t) => {
  const fine = await both(t, craneLayout(parts));
  assert.deepEqual(codes(fine), []);
  const other = savedParts("app:1", ["one", "two", "one", "other"]);
  const mixed = craneLayout(parts).map((part) =>
    part.name.startsWith("sha256:") ? { name: `sha256:${other.configHex}`, content: other.config } : part,
  );
  const withConfig = mixed.map((part) =>
    part.name === "manifest.json"
      ? { ...part, content: String(part.content).replace(parts.configHex, other.configHex) }
      : part,
  );
  const found = await both(t, withConfig);
  assert.deepEqual(codes(found), ["error wrong-digest"]);
  assert.match(
    found.problems[0]?.message ?? "",
    /decompressed, it has the digest .* and the image's config says/,
  );
});

test("what is in a layer does not matter: many files, odd paths, no end", async (t) => {
  const files = Array.from({ length: 600 }, (_, at) => ({ name: `usr/file-${at}`, content: "x".repeat(at) }));
  const layers = [
    tarOf(files),
    tarOf([{ name: "/absolute", content: "x" }, ...files]),
    tarOf([{ name: "usr/share/doc/a.gz", content: gzipSync("doc") }], { cut: true }),
    tarOf([{ name: "manifest.json", content: "[]" }, { name: "a/../../b" }, ...files]),
  ];
  const odd = savedParts("odd:1", layers);
  for (const entries of [oldLayout(odd), blobLayout(odd, true), craneLayout(odd)]) {
    const found = await both(t, entries);
    assert.deepEqual(codes(found), []);
    assert.deepEqual(
      found.bundle.images.map(({ name }) => name),
      ["docker.io/library/odd:1"],
    );
  }
});

test("a folder by dumpimage.sh keeps digests, odd white space too; names come from auto.sh", async (t) => {
  const folder = scratch(t);
  const manifest = craneManifest(parts);
  const hex = hexOf(manifest);
  writeFileSync(join(folder, `${hex}.json`), manifest);
  writeFileSync(join(folder, `${hex}.tar`), tarOf(craneLayout(parts)));
  const target = ["$TARGETHOST/", "{TARGETNAMESPACE:-library}/team/app"].join("$");
  writeFileSync(
    join(folder, "auto.sh"),
    `#!/bin/bash\ncrane push ${hex}.tar ${target}:1\ncrane tag ${target}@sha256:${hex} 1\n`,
  );
  const found = await verify(folder);
  assert.deepEqual(codes(found), []);
  assert.deepEqual(
    found.bundle.images.map(({ name, top, newDigest }) => [name, top.digest, newDigest]),
    [["team/app:1", `sha256:${hex}`, undefined]],
  );
  assert.deepEqual(await read(found, `sha256:${hex}`), manifest);
  const [layer] = JSON.parse(manifest.toString()).layers;
  assert.equal(`sha256:${hexOf(await read(found, layer.digest))}`, layer.digest);
  const packed = await verifyPiped(
    tarOf([
      { name: `./${hex}.json`, content: manifest },
      { name: `./${hex}.tar`, content: tarOf(craneLayout(parts)) },
    ]),
  );
  assert.deepEqual([packed.bundle.images[0]?.top.digest, codes(packed)], [`sha256:${hex}`, []]);
});

test("a folder by dumpimage.sh with platforms of one tag: the list has it, and else the last line", async (t) => {
  const folder = scratch(t);
  const target = ["$TARGETHOST/", "{TARGETNAMESPACE:-library}/team/app"].join("$");
  const lines = ["#!/bin/bash"];
  const put = (manifest: Buffer | string, layers?: SavedParts): string => {
    const hex = hexOf(manifest);
    writeFileSync(join(folder, `${hex}.json`), manifest);
    if (layers !== undefined) writeFileSync(join(folder, `${hex}.tar`), tarOf(craneLayout(layers)));
    return hex;
  };
  const tag = (hex: string, name: string) => lines.push(`crane tag ${target}@sha256:${hex} ${name}`);
  const platforms = ["one", "other"].map((layer) => {
    const saved = savedParts("team/app:1", [layer]);
    const manifest = craneManifest(saved);
    const hex = put(manifest, saved);
    tag(hex, "1");
    return { mediaType: OCI_MANIFEST, digest: `sha256:${hex}`, size: manifest.length };
  });
  const list = put(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: platforms }));
  tag(list, "1");
  tag(list, "also");
  const [before, last] = ["before", "last"].map((layer) => {
    const saved = savedParts("team/app:2", [layer]);
    const hex = put(craneManifest(saved), saved);
    tag(hex, "2");
    return hex;
  });
  writeFileSync(join(folder, "auto.sh"), `${lines.join("\n")}\n`);
  const found = await verify(folder);
  assert.deepEqual(codes(found), ["warning name-twice"]);
  assert.match(
    found.problems[0]?.message ?? "",
    new RegExp(`${before} and to sha256:${last}, which comes last`),
  );
  const named = Object.fromEntries(found.bundle.images.map(({ name, top }) => [name, top.digest]));
  assert.deepEqual(named, {
    "team/app:1": `sha256:${list}`,
    "team/app:also": `sha256:${list}`,
    "team/app:2": `sha256:${last}`,
  });
});

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";

test("archives in an archive, and in a folder, are bundles of one", async (t) => {
  const other = savedParts("other:2", ["something else"]);
  const inner = [
    { name: "images/app.tar", content: tarOf(oldLayout(parts)) },
    { name: "README", content: "not an image" },
    { name: "images/other.tar", content: tarOf(blobLayout(other, true)) },
  ];
  const names = ["docker.io/library/app:1", "docker.io/library/other:2"];
  const found = await both(t, inner);
  assert.deepEqual(
    found.bundle.images.map(({ name }) => name),
    names,
  );
  assert.deepEqual(codes(found), []);
  const folder = scratch(t);
  mkdirSync(join(folder, "images"));
  for (const { name, content } of inner) writeFileSync(join(folder, name), content);
  const unpacked = await verify(folder);
  assert.deepEqual(unpacked.bundle.images, found.bundle.images);
  const [first] = unpacked.bundle.images;
  assert.equal(`sha256:${hexOf(await read(unpacked, first?.top.digest ?? ""))}`, first?.top.digest);
});

async function read({ bundle }: VerifiedBundle, digest: string): Promise<Buffer> {
  return Buffer.concat(await openBlobs(bundle).open(digest).toArray());
}
