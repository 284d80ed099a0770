import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { openBundle } from "../../../src/bundle/read/open-bundle.ts";
import { buildImage } from "../../support/image.ts";
import { blobPath, layoutParts } from "../../support/layout-parts.ts";
import { bundleFile, codes, open, scratch, verify, verifyPiped } from "../../support/opened-bundle.ts";
import { hexOf } from "../../support/saved-images.ts";
import { type TarPart, tarOf } from "../../support/tar.ts";

const NAME = "gcr.io/a/b:1";
const image = buildImage({ platforms: ["linux/amd64", "linux/arm64"], bytesPerLayer: 3000 });
const layer = image.blobs.find(({ mediaType }) => mediaType.includes("layer"))?.digest ?? "";
const whole = layoutParts({ [NAME]: image });
const without = (digest: string) => whole.filter(({ name }) => name !== blobPath(digest));
const pack = {
  gz: gzipSync,
  xz: (bytes: Buffer) => run("xz", bytes),
  zst: (bytes: Buffer) => run("zstd", bytes),
};

function run(program: string, input: Buffer): Buffer {
  return execFileSync(program, ["-c", ...(program === "zstd" ? ["-q"] : [])], { input, maxBuffer: 2 ** 28 });
}

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

test("a bundle that is whole has no problems, whatever it is packed in", async (t) => {
  const bytes = tarOf(whole);
  for (const [ending, compress] of Object.entries({ ...pack, tar: (plain: Buffer) => plain })) {
    const packed = compress(bytes);
    for (const found of [await verify(bundleFile(t, ending, packed)), await verifyPiped(packed)]) {
      assert.deepEqual(codes(found), [], ending);
      assert.deepEqual(found.bundle.images, [{ name: NAME, top: found.bundle.images[0]?.top }]);
      assert.equal(found.bundle.images[0]?.top.digest, image.digest);
    }
  }
});

test("a byte that is not right is found, with its entry and who needs it", async (t) => {
  const bytes = tarOf(whole);
  const bad = flipped(
    bytes,
    bytes.indexOf(image.blobs.find(({ digest }) => digest === layer)?.bytes ?? "") + 1000,
  );
  const sources = [
    bundleFile(t, "a.tar", bad),
    bundleFile(t, "a.gz", gzipSync(bad)),
    bundleFile(t, "a.xz", pack.xz(bad)),
  ];
  for (const source of sources) {
    const found = await verify(source);
    assert.deepEqual(codes(found), ["error wrong-digest"]);
    const { message = "" } = found.problems[0] ?? {};
    assert.match(
      message,
      new RegExp(`entry "${blobPath(layer)}" at byte \\d+ of .*instead of ${layer}; needed by ${NAME}`),
    );
  }
});

test("what is cut off is said, with the entry", async (t) => {
  const bytes = tarOf(whole);
  const cut = bytes.subarray(
    0,
    bytes.indexOf(image.blobs.find(({ digest }) => digest === layer)?.bytes ?? "") + 1000,
  );
  const message = new RegExp(
    `entry "${blobPath(layer)}" at byte \\d+: cut off: it has \\d+ bytes, and the archive ends after 1000`,
  );
  await assert.rejects(verify(bundleFile(t, "a.tar", cut)), message);
  await assert.rejects(open(bundleFile(t, "a.tar", cut)), { code: "damaged" });
  await assert.rejects(verifyPiped(cut), message);
  for (const [ending, compress] of Object.entries(pack)) {
    const packed = compress(bytes);
    const short = packed.subarray(0, packed.length - 200);
    await assert.rejects(verify(bundleFile(t, `a.tar.${ending}`, short)), { code: "damaged" });
    await assert.rejects(verifyPiped(short), /cannot be decompressed \((gzip|xz|zstd): .*\)/);
  }
});

test("damage that the compression sees is told in its words", async (t) => {
  const packed = pack.xz(tarOf(whole));
  await assert.rejects(
    verify(bundleFile(t, "a.xz", flipped(packed, packed.length / 2))),
    /a\.xz: cannot be decompressed \(xz: /,
  );
});

test("what is missing, or has another size, is told", async (t) => {
  const lacking = await verify(bundleFile(t, "a.tar", tarOf(without(layer))));
  assert.deepEqual(codes(lacking), ["error missing-blob"]);
  const longer = whole.map((part) => (part.name === blobPath(layer) ? { ...part, content: "short" } : part));
  const found = await verify(bundleFile(t, "a.tar", tarOf(longer)));
  assert.deepEqual(codes(found), ["error wrong-size", "error wrong-digest"]);
});

test("a platform that was left out is told apart from one that has been lost", async (t) => {
  const [first] = image.manifests;
  const found = await verify(bundleFile(t, "a.tar", tarOf(without(first?.digest ?? ""))));
  assert.deepEqual(codes(found), ["left-out left-out-platform"]);
  assert.match(found.problems[0]?.message ?? "", /gcr\.io\/a\/b:1: left out: linux\/amd64/);
  const none = whole.filter(
    ({ name }) => !image.manifests.slice(0, 2).some(({ digest }) => name === blobPath(digest)),
  );
  assert.deepEqual(codes(await verify(bundleFile(t, "a.tar", tarOf(none)))), ["error missing-manifest"]);
});

test("blobs that a folder has twice, and tar has packed as links, are there", async (t) => {
  const [config] = image.blobs;
  const elsewhere = whole.flatMap((part): readonly TarPart[] =>
    part.name === blobPath(config?.digest ?? "")
      ? [
          { name: "cache/config", content: part.content ?? "" },
          { name: part.name, type: "1", linkName: "cache/config" },
        ]
      : part.name === blobPath(layer)
        ? [
            { name: "cache/layer", content: part.content ?? "" },
            { name: part.name, type: "2", linkName: "../../cache/layer" },
          ]
        : [part],
  );
  assert.deepEqual(codes(await verify(bundleFile(t, "a.tar", tarOf(elsewhere)))), []);
  assert.deepEqual(codes(await verifyPiped(tarOf(elsewhere))), []);
});

test("a foreign layer may be missing; a signature without a name is an image too", async (t) => {
  const config = Buffer.from("{}");
  const describe = (bytes: Buffer | string, mediaType: string, more = {}) => ({
    mediaType,
    digest: `sha256:${hexOf(bytes)}`,
    size: bytes.length,
    ...more,
  });
  const foreign = {
    ...describe("gone", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
    urls: ["https://x/y"],
  };
  const manifest = (more: object) =>
    JSON.stringify({
      schemaVersion: 2,
      config: describe(config, "application/vnd.oci.empty.v1+json"),
      layers: [],
      ...more,
    });
  const windows = manifest({ layers: [foreign] });
  const OCI = "application/vnd.oci.image.manifest.v1+json";
  const signature = manifest({ subject: describe(windows, OCI) });
  const index = {
    schemaVersion: 2,
    manifests: [
      describe(windows, OCI, { annotations: { "org.opencontainers.image.ref.name": "gcr.io/win:1" } }),
      describe(signature, OCI),
    ],
  };
  const bytes = tarOf([
    ...[config, windows, signature].map((content) => ({
      name: blobPath(`sha256:${hexOf(content)}`),
      content,
    })),
    { name: "index.json", content: JSON.stringify(index) },
  ]);
  for (const found of [await verify(bundleFile(t, "a.tar", bytes)), await verifyPiped(bytes)]) {
    assert.deepEqual(codes(found), ["warning foreign-layer"]);
    assert.deepEqual(
      found.bundle.images.map(({ name, top }) => [name, top.digest]),
      [
        ["gcr.io/win:1", `sha256:${hexOf(windows)}`],
        [undefined, `sha256:${hexOf(signature)}`],
      ],
    );
  }
});

test("an archive without its end mark is a warning", async (t) => {
  const found = await verify(bundleFile(t, "a.tar", tarOf(whole, { cut: true })));
  assert.deepEqual(codes(found), ["warning no-end-mark"]);
});

test("an archive that was cut off before its list of images is no empty one", async (t) => {
  const cut = tarOf(whole.slice(0, -2), { cut: true });
  await assert.rejects(verify(bundleFile(t, "a.tar", cut)), { code: "damaged" });
  await assert.rejects(
    verifyPiped(cut),
    /no list of images is in it, and it ends without the mark of an end/,
  );
  const inner = [
    { name: "a.tar", content: tarOf(layoutParts({ "gcr.io/other:1": buildImage() })) },
    { name: "b.tar", content: cut },
  ];
  assert.deepEqual(codes(await verifyPiped(tarOf(inner))), ["error no-end-mark"]);
});

const hostile: readonly (readonly [string, TarPart, RegExp])[] = [
  [
    "a path that leads out",
    { name: "x/../../etc/passwd" },
    /"x\/\.\.\/\.\.\/etc\/passwd" at byte 0: its path leads out/,
  ],
  ["an absolute path", { name: "/etc/passwd" }, /"\/etc\/passwd" at byte 0: its path is absolute/],
  [
    "a link that leads out",
    { name: "a/b", type: "2", linkName: "../../x" },
    /"a\/b" at byte 0: its target .* leads out/,
  ],
  [
    "a link to an absolute path",
    { name: "b", type: "2", linkName: "/etc/shadow" },
    /leads to an absolute path/,
  ],
  ["a hard link that leads out", { name: "b", type: "1", linkName: "../x" }, /its target .* leads out/],
  ["an index.json too many", { name: "index.json", content: "{}" }, /it is there again/],
  [
    "a size that nothing has",
    { name: "blob", size: 0o77777777777 },
    /"blob" at byte 0: cut off: it has 8589934591 bytes/,
  ],
];

for (const [what, part, message] of hostile)
  test(`${what} is refused by ls and by verify`, async (t) => {
    const bytes = tarOf([part, ...whole]);
    await assert.rejects(open(bundleFile(t, "a.tar", bytes)), message);
    await assert.rejects(verify(bundleFile(t, "a.tar.gz", gzipSync(bytes))), message);
    await assert.rejects(verifyPiped(bytes), { name: "BundleError" });
  });

test("links go round in circles, and lead out of a folder, in vain", async (t) => {
  const circle = [
    { name: "index.json", type: "2", linkName: "b" },
    { name: "b", type: "2", linkName: "index.json" },
  ];
  await assert.rejects(open(bundleFile(t, "a.tar", tarOf(circle))), { code: "unknown" });
  const folder = scratch(t);
  mkdirSync(join(folder, "blobs"));
  symlinkSync("../../x", join(folder, "blobs/evil"));
  await assert.rejects(open(folder), /blobs\/evil: the link to "\.\.\/\.\.\/x" leads out/);
});

test("an archive that never ends, and layers within layers, take neither memory nor disk", async (t) => {
  const bomb = gzipSync(Buffer.concat([tarOf(whole), Buffer.alloc(80 * 1024 * 1024)]));
  await assert.rejects(verify(bundleFile(t, "bomb.gz", bomb)), /it goes on and on after its end/);
  let nested = tarOf(whole);
  for (let level = 0; level < 6; level += 1)
    nested = gzipSync(tarOf([{ name: `a${level}.tar.gz`, content: nested }]));
  await assert.rejects(verify(bundleFile(t, "nested.gz", nested)), { code: "unknown" });
});

test("manifests in circles, and one that is two things, are problems and no more", async (t) => {
  const claimed = `sha256:${"a".repeat(64)}`;
  const descriptor = { mediaType: "application/vnd.oci.image.index.v1+json", digest: claimed, size: 10 };
  const index = JSON.stringify({ schemaVersion: 2, manifests: [descriptor] });
  const circle = await verify(
    bundleFile(
      t,
      "a.tar",
      tarOf([
        { name: blobPath(claimed), content: index },
        { name: "index.json", content: index },
      ]),
    ),
  );
  assert.deepEqual(codes(circle), ["error wrong-size", "error wrong-digest"]);
  const both = JSON.stringify({ schemaVersion: 2, manifests: [descriptor], layers: [] });
  const digest = `sha256:${hexOf(both)}`;
  const top = JSON.stringify({ manifests: [{ ...descriptor, digest, size: both.length }] });
  const found = await verify(
    bundleFile(
      t,
      "a.tar",
      tarOf([
        { name: blobPath(digest), content: both },
        { name: "index.json", content: top },
      ]),
    ),
  );
  assert.deepEqual(codes(found), ["error bad-manifest"]);
  assert.match(found.problems[0]?.message ?? "", /an index and an image at the same time/);
});

test("names: two images of one name, and what is no name", async (t) => {
  const other = buildImage();
  const parts = layoutParts({ [NAME]: image, "gcr.io/a/b:1 ": other });
  const same = parts
    .map((part) => ({ ...part, content: Buffer.from(part.content ?? "") }))
    .map((part) =>
      part.name === "index.json"
        ? { ...part, content: Buffer.from(part.content.toString().replace("b:1 ", "b:1")) }
        : part,
    );
  assert.deepEqual(codes(await verify(bundleFile(t, "a.tar", tarOf(same)))), ["error name-twice"]);
  const odd = await verify(bundleFile(t, "a.tar", tarOf(layoutParts({ "Not A Name": other }))));
  assert.deepEqual([codes(odd), odd.bundle.images[0]?.name], [["warning bad-name"], undefined]);
});

test("what is no bundle is told so", async (t) => {
  const cases: readonly (readonly [Buffer, RegExp])[] = [
    [Buffer.from("hello"), /neither a tar archive nor one by gzip, xz or zstd/],
    [gzipSync("hello"), /what is compressed in it is no archive/],
    [tarOf([{ name: "a.txt", content: "x" }]), /neither an OCI layout nor an archive of images is in it/],
    [tarOf([]), /neither an OCI layout/],
    [tarOf(layoutParts({})), /the bundle is empty/],
  ];
  for (const [bytes, message] of cases) await assert.rejects(open(bundleFile(t, "a", bytes)), message);
  await assert.rejects(open("/nowhere/a.tar"), /\/nowhere\/a\.tar: there is no such file/);
  const folder = scratch(t);
  writeFileSync(join(folder, "a.txt"), "x");
  await assert.rejects(open(folder), { code: "unknown" });
  const bzip2 = Buffer.from("425a68393141592653590000000000000000", "hex");
  await assert.rejects(open(bundleFile(t, "a.bz2", bzip2)), { code: "unsupported" });
});

test("a compressed file that cannot be read on is an error, and nothing waits for the rest", async () => {
  const bytes = gzipSync(tarOf([{ name: "a", content: randomBytes(300_000) }]));
  async function* breaking() {
    yield bytes.subarray(0, 100_000);
    throw new Error("EIO: i/o error");
  }
  await assert.rejects(
    openBundle("-", { stdin: Readable.from(breaking()), hashAll: false }),
    /standard input: cannot be read: EIO/,
  );
});

test("what is no config of an image is damage, from a file as from a pipe", async (t) => {
  for (const config of ["{}", "no JSON", "[]"]) {
    const list = [{ Config: "config.json", RepoTags: ["app:1"], Layers: [] }];
    const bytes = tarOf([
      { name: "config.json", content: config },
      { name: "manifest.json", content: JSON.stringify(list) },
    ]);
    await assert.rejects(verify(bundleFile(t, "a.tar", bytes)), { code: "damaged" }, config);
    await assert.rejects(verifyPiped(bytes), { code: "damaged" }, config);
  }
});

test("an xz file that wants more memory than it may have is not called damaged, and it is told what to do", async (t) => {
  const bytes = execFileSync("xz", ["-0", "-T1", "-c"], { input: tarOf(whole) });
  // The header of its one block, with a dictionary of 1.5 GiB: https://tukaani.org/xz/xz-file-format.txt
  Buffer.from("02002101250000003b787b41", "hex").copy(bytes, 12);
  const file = bundleFile(t, "a.tar.xz", bytes);
  for (const [read, name, source] of [
    [() => verify(file), file, file],
    [() => verifyPiped(bytes), "standard input", "FILE"],
  ] as const)
    await assert.rejects(read, (error: Error & { readonly code?: unknown }) => {
      assert.equal(error.code, "unsupported", error.message);
      assert.equal(
        error.message,
        `${name}: xz wants more than 1 GiB of memory for it; where there is that much: xz -dc ${source} | mirrorlet push - …`,
      );
      return true;
    });
});
