import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { LabImage } from "../support/image.ts";
import { buildImage } from "../support/image.ts";
import { partSkipReason } from "../support/lab-parts.ts";
import { layoutParts } from "../support/layout-parts.ts";
import { bundleFile, scratch } from "../support/opened-bundle.ts";
import { ownState } from "../support/own-state.ts";
import { pushImage } from "../support/push-image.ts";
import { bundleTools } from "../support/real-bundles.ts";
import { type LabRegistry, startRegistry } from "../support/registry.ts";
import { tarOf } from "../support/tar.ts";
import { runMirrorlet } from "./support/mirrorlet.ts";

ownState();

const skip = partSkipReason("oras") ?? partSkipReason("docker-registry");
const TAGS = ["1.0", "2.0", "same"];

let registry: LabRegistry;
let images: Readonly<Record<string, LabImage>>;
let pushes = 0;

before(async () => {
  if (skip !== undefined) return;
  registry = await startRegistry();
  const one = await pushImage(registry, "src/app", "1.0", { platforms: ["linux/amd64", "linux/arm64"] });
  const two = await pushImage(registry, "src/app", "2.0", {});
  images = { "1.0": one, "2.0": two };
});

after(() => registry?.stop());

async function pushTo(source: string, ...more: readonly string[]) {
  const namespace = `try${pushes++}`;
  const to = ["--to", `${registry.host}/${namespace}`, "--plain-http"];
  const ended = await runMirrorlet(["push", source, ...to, ...more]);
  const digestOf = async (tag: string): Promise<string | null> => {
    const url = `${registry.storage.url}/v2/${namespace}/team/app/manifests/${tag}`;
    const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
    return (await fetch(url, { method: "HEAD", headers: { accept } })).headers.get("docker-content-digest");
  };
  return { ...ended, digestOf };
}

/** Bundles in which images have their tags and no more, as programs make them. */
const makers: Readonly<Record<string, (folder: string) => Promise<string>>> = {
  async "oras backup"(folder) {
    const { oras } = await bundleTools(folder);
    const output = join(folder, "backup.tar");
    await oras("backup", "--plain-http", "-o", output, `${registry.host}/src/app:1.0,2.0`);
    return output;
  },
  async "oras cp"(folder) {
    const { oras } = await bundleTools(folder);
    for (const tag of ["1.0", "2.0"])
      await oras(
        "cp",
        "-r",
        "--from-plain-http",
        "--to-oci-layout",
        `${registry.host}/src/app:${tag}`,
        `dir:${tag}`,
      );
    return join(folder, "dir");
  },
  async "skopeo sync"(folder) {
    const { skopeo } = await bundleTools(folder);
    const way = ["--src", "docker", "--dest", "dir", "--src-tls-verify=false", "--all", "--preserve-digests"];
    for (const tag of ["1.0", "2.0"])
      await skopeo("sync", ...way, `${registry.host}/src/app:${tag}`, join(folder, "d"));
    return join(folder, "d");
  },
};

for (const [program, make] of Object.entries(makers))
  test(`${program}: --name without a tag pushes each image under its own, and that is offered`, {
    skip,
  }, async (t) => {
    const source = await make(scratch(t));
    const without = await pushTo(source);
    assert.equal(without.code, 65, without.stderr);
    assert.match(
      without.stderr,
      /1\.0 \(sha256:.*--name with a repository, such as gcr\.io\/a\/b, pushes each/,
    );
    const { code, stdout, stderr, digestOf } = await pushTo(source, "--name", "gcr.io/team/app");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^2 images pushed /);
    for (const [tag, { digest }] of Object.entries(images)) assert.equal(await digestOf(tag), digest);
  });

test("one image and its tag; the same image under two tags", { skip }, async (t) => {
  const image = buildImage();
  const parts = layoutParts({ x: image }).map((part) =>
    part.name === "index.json"
      ? {
          ...part,
          content: JSON.stringify({
            manifests: TAGS.slice(1).map((tag) => ({
              mediaType: image.mediaType,
              digest: image.digest,
              size: image.manifests[0]?.bytes.length,
              annotations: { "org.opencontainers.image.ref.name": tag },
            })),
          }),
        }
      : part,
  );
  const { code, stderr, digestOf } = await pushTo(
    bundleFile(t, "a.tar", tarOf(parts)),
    "--name",
    "gcr.io/team/app",
  );
  assert.equal(code, 0, stderr);
  for (const tag of TAGS.slice(1)) assert.equal(await digestOf(tag), image.digest);
  assert.equal(await digestOf("latest"), null);
});

test("a name that is no reference is told with the reason, beside images that are pushed", {
  skip,
}, async (t) => {
  const long = `gcr.io/long:${"x".repeat(129)}`;
  const parts = layoutParts({
    "gcr.io/Team/App:1": buildImage(),
    [long]: buildImage(),
    "gcr.io/ok:1": buildImage(),
  });
  const { code, stdout, stderr } = await pushTo(bundleFile(t, "a.tar", tarOf(parts)));
  assert.equal(code, 1, stderr);
  assert.match(stdout, /^1 image pushed /);
  assert.match(
    stderr,
    /"gcr\.io\/Team\/App:1" is not an image reference: the repository "Team\/App" must be lower case/,
  );
  assert.match(stderr, /"gcr\.io\/long:x+…" is not an image reference: .* is not a tag/);
});
