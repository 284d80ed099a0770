import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import type { VerifiedBundle } from "../../../src/bundle/read/verify-bundle.ts";
import { BundleError } from "../../../src/core/bundle/bundle-error.ts";
import { buildImage } from "../../support/image.ts";
import { layoutParts } from "../../support/layout-parts.ts";
import { bundleFile, verify, verifyPiped } from "../../support/opened-bundle.ts";
import { blobLayout, craneLayout, oldLayout, savedParts } from "../../support/saved-images.ts";
import { tarOf } from "../../support/tar.ts";

const saved = savedParts("app:1", ["one", "two", "one"]);
const bundles = [
  layoutParts({ "gcr.io/a/b:1": buildImage({ platforms: ["linux/amd64", "linux/arm64"] }) }),
  oldLayout(saved),
  blobLayout(saved, true),
  craneLayout(saved),
  [{ name: "a.tar", content: tarOf(oldLayout(saved)) }],
  [{ name: "a.tar.gz", content: gzipSync(tarOf(craneLayout(saved))) }],
].map((parts) => tarOf(parts));

/** What is said of it: images and codes, or the kind of error. Nothing else may come out. */
async function outcome(read: Promise<VerifiedBundle>): Promise<unknown> {
  try {
    const { bundle, problems } = await read;
    return {
      images: bundle.images.map(({ name, top }) => `${name} ${top.digest}`),
      problems: [...new Set(problems.map(({ severity, code }) => `${severity} ${code}`))].sort(),
    };
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    return error.code;
  }
}

test("whatever bytes change, a bundle is read or refused, the same from a file and from a pipe", async (t) => {
  const path = bundleFile(t, "a.tar", new Uint8Array());
  const originals = new Map<number, unknown>();
  for (const [at, bytes] of bundles.entries()) originals.set(at, await outcome(verifyPiped(bytes)));
  const change = fc.record({
    // Half of them where something is: most bytes are filling.
    at: fc.nat(1_000_000),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(0x22, 0x2f, 0x30, 0x5b, 0x7b)),
  });
  let harmed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.nat(bundles.length - 1),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      async (which, changes) => {
        const bytes = Buffer.from(bundles[which] ?? []);
        const filled = [...bytes.keys()].filter((at) => bytes[at] !== 0);
        for (const { at, byte } of changes) {
          const place = at % 2 === 0 ? filled[at % filled.length] : at % bytes.length;
          bytes[place ?? 0] = byte;
        }
        writeFileSync(path, bytes);
        const [fromFile, piped] = [await outcome(verify(path)), await outcome(verifyPiped(bytes, 777))];
        assert.deepEqual(piped, fromFile);
        if (JSON.stringify(piped) !== JSON.stringify(originals.get(which))) harmed += 1;
      },
    ),
    { numRuns: 200 },
  );
  assert.ok(harmed > 100, `only ${harmed} of them made a difference`);
});
