import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import type { BundleDeps } from "../../src/cli/bundle-commands.ts";
import { bundleLs } from "../../src/cli/bundle-ls.ts";
import { bundleVerify } from "../../src/cli/bundle-verify.ts";
import { bundleDeps } from "../../src/program/compose-bundle.ts";
import { buildImage } from "../support/image.ts";
import { blobPath, layoutParts } from "../support/layout-parts.ts";
import { bundleFile } from "../support/opened-bundle.ts";
import { oldLayout, savedParts } from "../support/saved-images.ts";
import { tarOf } from "../support/tar.ts";

const image = buildImage({ platforms: ["linux/amd64", "linux/arm64"], bytesPerLayer: 2000 });
const NAME = "gcr.io/a/b:1";
const whole = layoutParts({ [NAME]: image });
const without = (digest: string | undefined) =>
  tarOf(whole.filter(({ name }) => name !== blobPath(digest ?? "")));

interface Run {
  readonly columns?: number;
  readonly json?: boolean;
  readonly deps?: Partial<BundleDeps>;
  readonly allowMissingPlatforms?: boolean;
}

async function run(command: "ls" | "verify", sources: readonly string[], how: Run = {}) {
  let stdout = "";
  let stderr = "";
  const io = {
    stdout(text: string) {
      stdout += text;
    },
    stderr(text: string) {
      stderr += text;
    },
    color: false,
    columns: how.columns,
    json: how.json ?? false,
  };
  const deps = { ...bundleDeps(), progressColumns: undefined, ...how.deps };
  const { allowMissingPlatforms } = how;
  const code =
    command === "ls"
      ? await bundleLs(sources, io, deps)
      : await bundleVerify(sources, { allowMissingPlatforms }, io, deps);
  return { code, stdout, stderr };
}

test("ls lists images, short digests on a terminal and whole ones elsewhere", async (t) => {
  const source = bundleFile(t, "a.tar", tarOf(whole));
  const { code, stdout } = await run("ls", [source], { columns: 80 });
  assert.equal(code, 0);
  const lines = stdout.split("\n");
  assert.match(lines[0] ?? "", /^IMAGE +PLATFORMS +SIZE +DIGEST$/);
  assert.match(
    lines[1] ?? "",
    new RegExp(`^${NAME} +linux/amd64 \\+1 +[\\d.]+ kB  ${image.digest.slice(0, 19)}$`),
  );
  assert.match(stdout, /\n1 image, 4 blobs, [\d.]+ kB: OCI layout \(tar\)\n$/);
  assert.ok(lines.every((line) => line.length <= 80));
  assert.match((await run("ls", [source])).stdout, new RegExp(`  ${image.digest}\n`));
});

test("ls of long names on a narrow terminal: a row is a line, without what has least to say", async (t) => {
  for (const [length, head] of [
    [20, /^IMAGE +PLATFORMS +SIZE +DIGEST$/],
    [55, /^IMAGE +PLATFORMS +SIZE$/],
    [70, /^IMAGE +SIZE$/],
  ] as const) {
    const name = `gcr.io/${"a".repeat(length - "gcr.io/:1".length)}:1`;
    const source = bundleFile(t, "a.tar", tarOf(layoutParts({ [name]: image })));
    const lines = (await run("ls", [source], { columns: 80 })).stdout.split("\n");
    assert.match(lines[0] ?? "", head);
    assert.ok(lines[1]?.startsWith(`${name}  `));
    assert.ok(lines.every((line) => line.length <= 80));
    assert.match((await run("ls", [source])).stdout, / DIGEST\n/);
  }
});

test("the platform of an image without an index comes from its config", async (t) => {
  const source = bundleFile(
    t,
    "a.tar",
    tarOf(layoutParts({ [NAME]: buildImage({ platforms: ["linux/riscv64"] }) })),
  );
  assert.match((await run("ls", [source])).stdout, /gcr\.io\/a\/b:1 +linux\/riscv64 +/);
});

test("what cannot keep its digest is marked and explained, within the terminal", async (t) => {
  const source = bundleFile(t, "a.tar", tarOf(oldLayout(savedParts("app:1", ["one", "two"]))));
  const { code, stdout } = await run("ls", [source], { columns: 80 });
  assert.equal(code, 0);
  assert.match(stdout, /docker\.io\/library\/app:1 .*\(new\)\n/);
  assert.match(stdout, /note: docker\.io\/library\/app:1: the archive has no manifest of it/);
  assert.ok(stdout.split("\n").every((line) => line.length <= 80 || line.includes("sha256:")));
});

test("verify ends with 0, 1, 65 or 2, and tells why", async (t) => {
  const good = bundleFile(t, "good.tar", tarOf(whole));
  const lacking = bundleFile(t, "bad.tar", without(image.blobs.at(-1)?.digest));
  const text = bundleFile(t, "a.txt", Buffer.from("hello"));
  const fine = await run("verify", [good]);
  assert.deepEqual([fine.code, fine.stderr], [0, ""]);
  assert.match(fine.stdout, /good\.tar: every digest is right, and nothing is missing\n$/);
  const bad = await run("verify", [lacking]);
  assert.equal(bad.code, 1);
  assert.match(
    bad.stdout,
    /^.*bad\.tar: 1 image.*\nerror: gcr\.io\/a\/b:1: sha256:\w+ is missing \(\d+ bytes\) \(missing-blob\)\n/,
  );
  assert.match(bad.stdout, /bad\.tar: 1 error: it cannot be pushed whole\n$/);
  const none = await run("verify", [text]);
  assert.deepEqual([none.code, none.stdout], [65, ""]);
  assert.match(none.stderr, /^mirrorlet: .*a\.txt: no bundle: /);
  assert.equal((await run("verify", [text, lacking, good])).code, 1);
  const cut = bundleFile(t, "cut.tar", tarOf(whole).subarray(0, 2000));
  assert.deepEqual([(await run("verify", [cut])).code, (await run("ls", [cut])).code], [1, 65]);
});

test("ls: what it tells as an error is its failure, too", async (t) => {
  const source = bundleFile(t, "a.tar", without(image.blobs.at(-1)?.digest));
  const listed = await run("ls", [source]);
  assert.match(listed.stdout, /\nerror: gcr\.io\/a\/b:1: sha256:\w+ is missing /);
  assert.equal(listed.code, 1);
  const whole = bundleFile(t, "b.tar", tarOf(layoutParts({ [NAME]: image })));
  assert.equal((await run("ls", [source, whole], { json: true })).code, 1);
});

test("platforms that were left out are an error until that is allowed", async (t) => {
  const source = bundleFile(t, "a.tar", without(image.manifests[1]?.digest));
  assert.equal((await run("verify", [source])).code, 1);
  const allowed = await run("verify", [source], { allowMissingPlatforms: true });
  assert.equal(allowed.code, 0);
  assert.match(
    allowed.stdout,
    /^.*a\.tar: 1 image.*\nwarning: .* left out: linux\/arm64; .*\(left-out-platform\)\n/,
  );
});

test("--json has each source, with its problems or its error", async (t) => {
  const source = bundleFile(t, "a.tar", without(image.blobs.at(-1)?.digest));
  const { code, stdout } = await run("verify", [source, "/nowhere.tar"], { json: true });
  const { schema, ok, bundles } = JSON.parse(stdout);
  assert.deepEqual([code, schema, ok], [1, "mirrorlet.bundle-verify/v1", false]);
  assert.equal(bundles[0].images[0].digest, image.digest);
  assert.deepEqual(bundles[0].images[0].platforms, ["linux/amd64", "linux/arm64"]);
  assert.equal(bundles[0].problems[0].code, "missing-blob");
  assert.deepEqual(bundles[1].error, { code: "unknown", message: "/nowhere.tar: there is no such file" });
});

test("progress is drawn over on a terminal, and told in lines elsewhere", async () => {
  let clock = 0;
  const reading: Partial<BundleDeps> = {
    now: () => clock,
    async verify(_, onProgress) {
      for (const done of [250e6, 500e6, 750e6]) {
        clock += 3_000;
        onProgress(done, 1e9);
      }
      return bundleDeps().open("/nowhere", () => {});
    },
  };
  const terminal = await run("verify", ["/srv/bundle.tar.xz"], { deps: { ...reading, progressColumns: 60 } });
  const drawn = terminal.stderr.split("\r\u001b[K").slice(1);
  assert.equal(drawn[1], "…undle.tar.xz: 500 MB of 1.0 GB, 50 %, 83.3 MB/s, 0:06 left");
  assert.ok(
    drawn.slice(0, 3).every((line) => line.length <= 59),
    JSON.stringify(drawn),
  );
  clock = 0;
  const lines = await run("verify", ["/srv/bundle.tar.xz"], {
    deps: { ...reading, progressColumns: undefined },
  });
  assert.equal(
    lines.stderr.split("\n")[0],
    "verifying /srv/bundle.tar.xz: 500 MB of 1.0 GB, 50 %, 83.3 MB/s, 0:06 left",
  );
});

test("the program, with standard input, and without xz on the machine", async (t) => {
  const packed = spawnSync("xz", ["-c"], { input: tarOf(whole) }).stdout;
  const main = join(import.meta.dirname, "../../src/main.ts");
  const program = (path: string, source: string) =>
    spawnSync(process.execPath, ["--import", "tsx", main, "bundle", "verify", source], {
      input: packed,
      encoding: "utf8",
      env: { PATH: path },
      timeout: 60_000,
    });
  const piped = program("/usr/bin:/bin", "-");
  assert.deepEqual([piped.status, piped.stderr], [0, ""]);
  assert.match(piped.stdout, /^-: 1 image, .*\(tar, compressed by xz\)\n-: every digest is right/);
  const lacking = program("/nowhere", bundleFile(t, "a.tar.xz", packed));
  assert.equal(lacking.status, 2);
  assert.match(lacking.stderr, /it needs the program xz, which is not here; install xz-utils/);
});
