import assert from "node:assert/strict";
import { test } from "node:test";
import { paxPart, type TarPart, tarOf } from "../../../support/tar.ts";
import { walkBytes } from "../../../support/walk-bytes.ts";

/** Names and sizes, in order. */
function listed(parts: readonly TarPart[]): readonly string[] {
  return walkBytes(tarOf(parts)).entries.map(({ name, kind, size }) => `${kind} ${name} ${size}`);
}

test("entries come with their kind, size and place", () => {
  const { entries, end } = walkBytes(
    tarOf([
      { name: "d/", type: "5" },
      { name: "d/a", content: "x".repeat(513) },
      { name: "d/b", type: "2", linkName: "a" },
      { name: "d/c", type: "1", linkName: "d/a", size: 513 },
      { name: "old\0", content: "1", type: "\0", magic: "" },
    ]),
  );
  assert.deepEqual(
    entries.map(({ name, kind, size, offset, contentAt, linkName }) => [
      name,
      kind,
      size,
      offset,
      contentAt,
      linkName,
    ]),
    [
      ["d/", "directory", 0, 0, 512, ""],
      ["d/a", "file", 513, 512, 1024, ""],
      ["d/b", "symlink", 0, 2048, 2560, "a"],
      ["d/c", "hardlink", 0, 2560, 3072, "d/a"],
      ["old", "file", 1, 3072, 3584, ""],
    ],
  );
  assert.deepEqual(end, { at: 5120, isMarked: true });
});

test("long names of POSIX, of pax and of GNU are put together", () => {
  const long = `${"n".repeat(140)}/x`;
  assert.deepEqual(listed([{ name: "file", prefix: "a/b" }]), ["file a/b/file 0"]);
  assert.deepEqual(listed([{ name: "file", prefix: "12345670", magic: "ustar  \0" }]), ["file file 0"]);
  assert.deepEqual(listed([paxPart({ path: long, mtime: "1.5" }), { name: "short", content: "ab" }]), [
    `file ${long} 2`,
  ]);
  assert.deepEqual(
    listed([
      { name: "././@LongLink", type: "L", content: `${long}\0` },
      { name: "short", content: "ab" },
      { name: "next" },
    ]),
    [`file ${long} 2`, "file next 0"],
  );
  const [link] = walkBytes(
    tarOf([
      { name: "././@LongLink", type: "K", content: `${long}\0` },
      { name: "l", type: "2", linkName: "cut" },
    ]),
  ).entries;
  assert.equal(link?.linkName, long);
});

test("sizes come in octal, in base 256 and in pax", () => {
  const base256 = Buffer.alloc(12);
  base256[0] = 0x80;
  base256.writeBigUInt64BE(3n, 4);
  assert.deepEqual(listed([{ name: "a", content: "abc", size: base256 }]), ["file a 3"]);
  assert.deepEqual(listed([paxPart({ size: "3" }), { name: "a", content: "abc", size: 0 }]), ["file a 3"]);
});

test("an archive ends at its mark, or where it stops", () => {
  assert.deepEqual(walkBytes(tarOf([{ name: "a" }], { cut: true })).end, { at: 512, isMarked: false });
  assert.deepEqual(walkBytes(Buffer.alloc(0)).end, { at: 0, isMarked: false });
  assert.equal(walkBytes(Buffer.concat([tarOf([{ name: "a" }]), Buffer.alloc(8192, 1)])).end.at, 1536);
});

const negative = Buffer.alloc(12, 0xff);
const huge = Buffer.alloc(12, 0xff);
huge[0] = 0x80;
const deep = Array.from({ length: 20 }, () => paxPart({ comment: "x" }));

const refused: readonly (readonly [string, readonly TarPart[], RegExp])[] = [
  [
    "a negative size",
    [{ name: "a" }, { name: "evil", size: negative }],
    /"evil" at byte 512: .*size that is negative/,
  ],
  [
    "a size beyond all disks",
    [{ name: "evil", size: huge }],
    /"evil" at byte 0: .*size that is beyond all disks/,
  ],
  [
    "a size that is no number",
    [{ name: "evil", size: Buffer.from("12345x789012") }],
    /size that is no number/,
  ],
  [
    "a pax size that is none",
    [paxPart({ size: "-1" }), { name: "evil" }],
    /at byte 0: a pax header has a size/,
  ],
  [
    "a pax size beyond all disks",
    [paxPart({ size: "99999999999999999999" }), { name: "evil" }],
    /has a size/,
  ],
  ["a wrong checksum", [{ name: "evil", checksum: 1 }], /"evil" at byte 0: the header has a wrong checksum/],
  ["pax headers without end", [...deep, { name: "evil" }], /too many headers lead up to it/],
  [
    "a pax header as big as a disk",
    [{ name: "p", type: "x", size: 2 ** 32 }],
    /headers that lead up to it have 4294967296 bytes/,
  ],
  [
    "records out of order",
    [{ name: "p", type: "x", content: "99 path=x\n" }, { name: "evil" }],
    /not in order/,
  ],
  ["a NUL in a pax path", [paxPart({ path: "a\0b" }), { name: "evil" }], /path with a NUL/],
  ["a path for all entries", [paxPart({ path: "x" }, "g"), { name: "evil" }], /for all entries/],
  [
    "two long names",
    [{ name: "L", type: "L", content: "one\0" }, paxPart({ path: "two" }), { name: "evil" }],
    /"two" at byte 0: it has two long names/,
  ],
  ["a sparse file", [{ name: "evil", type: "S", magic: "ustar  \0" }], /sparse/],
  ["a sparse file of pax", [paxPart({ "GNU.sparse.major": "1" }), { name: "evil" }], /sparse/],
  ["another volume", [{ name: "evil", type: "M" }], /another volume/],
  [
    "a file with the name of a directory",
    [{ name: "evil/", content: "hidden" }],
    /"evil\/" at byte 0: it has 6 bytes/,
  ],
  [
    "a directory with content",
    [{ name: "evil", type: "5", content: "hidden" }],
    /6 bytes of content, where its kind has none/,
  ],
  [
    "a long name for nothing",
    [{ name: "L", type: "L", content: "x\0" }],
    /a header that leads up to an entry has none/,
  ],
];

for (const [what, parts, message] of refused)
  test(`${what} is refused, with the entry and its offset`, () => {
    assert.throws(() => walkBytes(tarOf(parts)), message);
    assert.throws(() => walkBytes(tarOf(parts)), { name: "BundleError" });
  });

test("what is cut off, or goes on after a lone block of zeroes, is damaged", () => {
  const whole = tarOf([{ name: "a", content: "x" }, paxPart({ path: "long" }), { name: "b" }]);
  assert.throws(
    () => walkBytes(whole.subarray(0, 1300)),
    /at byte 1024: the archive is cut off in the middle of a header/,
  );
  assert.throws(
    () => walkBytes(whole.subarray(0, 1540)),
    /at byte 1024: .*cut off in the middle of a header/,
  );
  const lone = Buffer.concat([
    tarOf([{ name: "a" }], { cut: true }),
    Buffer.alloc(512),
    tarOf([{ name: "hidden" }]),
  ]);
  assert.throws(() => walkBytes(lone), /at byte 512: a block of zeroes that is neither an entry nor the end/);
});
