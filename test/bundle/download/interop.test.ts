import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { runMirrorlet } from "../../e2e/support/mirrorlet.ts";
import { forEachGeneration, startContainerd } from "../../support/containerd.ts";
import { startCraneRegistry } from "../../support/crane-registry.ts";
import { labPart, partSkipReason } from "../../support/lab-parts.ts";
import { codes, scratch, verify } from "../../support/opened-bundle.ts";
import { pushImage } from "../../support/push-image.ts";
import { bundleTools } from "../../support/real-bundles.ts";
import { startRegistry } from "../../support/registry.ts";

const run = promisify(execFile);
const platforms = ["linux/amd64", "linux/arm64"];

/** A bundle of lists and a single image, of Docker's types and OCI's. */
async function withBundle(t: TestContext) {
  const registry = await startRegistry();
  t.after(() => registry.stop());
  const images = {
    "gcr.io/a/docker:1": await pushImage(registry, "a/docker", "1", {
      platforms,
      layers: 2,
      format: "docker",
    }),
    "gcr.io/a/oci:1": await pushImage(registry, "a/oci", "1", { platforms }),
    "docker.io/library/single:3": await pushImage(registry, "library/single", "3", { layers: 3 }),
  };
  const folder = scratch(t);
  const file = join(folder, "bundle.tar");
  const from = ["--from", registry.host, "--plain-http"];
  const ended = await runMirrorlet(["dump", ...Object.keys(images), ...from, "-o", file]);
  assert.equal(ended.code, 0, ended.stderr);
  return { images, registry, folder, file, tools: await bundleTools(folder) };
}

async function digestAt(url: string, repository: string, reference: string): Promise<string | null> {
  const accept = ["oci.image.index.v1", "docker.distribution.manifest.list.v2", "oci.image.manifest.v1"]
    .map((kind) => `application/vnd.${kind}+json`)
    .join(", ");
  const reply = await fetch(`${url}/v2/${repository}/manifests/${reference}`, { headers: { accept } });
  await reply.arrayBuffer();
  return reply.headers.get("docker-content-digest");
}

test("skopeo reads a dump by the names in it", { skip: partSkipReason("skopeo") ?? false }, async (t) => {
  const { images, registry, file, tools } = await withBundle(t);
  // Docker's types in an OCI layout are beyond this one.
  for (const name of ["gcr.io/a/oci:1", "docker.io/library/single:3"] as const) {
    const to = `docker://${registry.host}/skopeo:1`;
    const how = ["--all", "--preserve-digests", "--dest-tls-verify=false"];
    await tools.skopeo("copy", ...how, `oci-archive:${file}:${name}`, to);
    assert.equal(await digestAt(registry.storage.url, "skopeo", "1"), images[name].digest);
  }
});

test("oras reads a dump by the names in it", { skip: partSkipReason("oras") ?? false }, async (t) => {
  const { images, registry, folder, file, tools } = await withBundle(t);
  const layout = join(folder, "layout");
  mkdirSync(layout);
  await run("tar", ["-xf", file, "-C", layout]);
  for (const [name, { digest }] of Object.entries(images))
    for (const source of [file, layout]) {
      const to = `${registry.host}/oras:1`;
      await tools.oras("cp", "-r", "--from-oci-layout", "--to-plain-http", `${source}@${digest}`, to);
      assert.equal(await digestAt(registry.storage.url, "oras", "1"), digest, name);
    }
});

test("crane pushes an unpacked dump", { skip: partSkipReason("crane") ?? false }, async (t) => {
  const { images, folder, file, tools } = await withBundle(t);
  const crane = await startCraneRegistry();
  t.after(() => crane.stop());
  const layout = join(folder, "layout");
  mkdirSync(layout);
  await run("tar", ["-xf", file, "-C", layout]);
  await tools.crane("push", "--index", layout, `${new URL(crane.url).host}/all:1`);
  for (const [name, { digest }] of Object.entries(images))
    assert.equal(await digestAt(crane.url, "all", digest), digest, name);
});

forEachGeneration("ctr imports a dump, and what it exports is the same", async (generation, t) => {
  const { images, file, folder } = await withBundle(t);
  const containerd = await startContainerd({ generation });
  t.after(() => containerd.stop());
  const ctr = async (...args: readonly string[]): Promise<string> => {
    const program = join(await labPart(`containerd-${generation}`), "ctr");
    return (await run(program, ["-a", containerd.socket, "images", ...args], { timeout: 60_000 })).stdout;
  };
  await ctr("import", "--all-platforms", "--no-unpack", file);
  const listed = await ctr("ls");
  for (const [name, { digest }] of Object.entries(images)) {
    assert.ok(listed.includes(name), listed);
    assert.ok(listed.includes(digest), listed);
  }
  const again = join(folder, "again.tar");
  const local = generation === "2.1" ? ["--local"] : [];
  await ctr("export", ...local, "--all-platforms", again, ...Object.keys(images));
  const found = await verify(again);
  assert.deepEqual(codes(found), []);
  assert.deepEqual(
    found.bundle.images.map(({ name, top }) => [name, top.digest]).sort(),
    Object.entries(images)
      .map(([name, { digest }]) => [name, digest])
      .sort(),
  );
});
