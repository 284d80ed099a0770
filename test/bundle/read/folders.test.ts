import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { nobody, nobodySkipReason } from "../../support/client-as-nobody.ts";
import { buildImage } from "../../support/image.ts";
import { bundleFile, codes, scratch, verify, verifyPiped } from "../../support/opened-bundle.ts";
import { writeLayout } from "../../support/write-layout.ts";

const NAME = "gcr.io/a/b:1";
const image = buildImage({ layers: 2, bytesPerLayer: 3_000 });

for (const [what, link, target] of [
  ["blobs/sha256", "blobs/sha256", "../store/of/all"],
  ["blobs", "blobs", "store"],
] as const)
  test(`a layout of which ${what} is a link to a folder within it is whole, in a folder and in an archive`, async (t) => {
    const folder = scratch(t);
    await writeLayout(folder, { [NAME]: image });
    mkdirSync(join(folder, "store/of"), { recursive: true });
    const isAll = link === "blobs";
    if (isAll) renameSync(join(folder, "blobs/sha256"), join(folder, "store/sha256"));
    else renameSync(join(folder, link), join(folder, "store/of/all"));
    if (isAll) execFileSync("rmdir", [join(folder, "blobs")]);
    symlinkSync(target, join(folder, link));
    const archive = execFileSync("tar", ["-C", folder, "-c", "."], { maxBuffer: 2 ** 28 });
    for (const found of [
      await verify(folder),
      await verify(bundleFile(t, "a.tar", archive)),
      await verifyPiped(archive),
    ]) {
      assert.deepEqual(codes(found), []);
      assert.equal(found.bundle.images[0]?.top.digest, image.digest);
      for (const { digest } of image.blobs) assert.ok(found.bundle.blobs.has(digest));
    }
  });

test("a folder in it that may not be read, as lost+found, is passed over, unless nothing else is there", {
  skip: nobodySkipReason,
}, async (t) => {
  const folder = scratch(t);
  chmodSync(folder, 0o755);
  await writeLayout(folder, { [NAME]: image });
  mkdirSync(join(folder, "lost+found"), { mode: 0o700 });
  const listed = asNobody(folder);
  assert.deepEqual(listed.codes, ["warning passed-over"]);
  assert.match(listed.message, /\/lost\+found: no permission to read it: it is passed over$/);
  const empty = scratch(t);
  chmodSync(empty, 0o755);
  mkdirSync(join(empty, "lost+found"), { mode: 0o700 });
  assert.match(asNobody(empty).message, /lost\+found: no permission to read it$/);
});

interface Listed {
  readonly codes?: readonly string[];
  readonly message: string;
}

function asNobody(folder: string): Listed {
  const source = JSON.stringify(import.meta.resolve("../../../src/bundle/read/open-bundle.ts"));
  const script = `import { Readable } from "node:stream";
    const { openBundle } = await import(${source});
    process.setgid(${nobody});
    process.setuid(${nobody});
    const said = await openBundle(${JSON.stringify(folder)}, { stdin: Readable.from([]), hashAll: false }).then(
      ({ bundle: { problems } }) => ({
        codes: problems.map(({ severity, code }) => severity + " " + code),
        message: problems[0]?.message,
      }),
      ({ message }) => ({ message }),
    );
    process.stdout.write(JSON.stringify(said));`;
  const args = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", script];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as Listed;
}
