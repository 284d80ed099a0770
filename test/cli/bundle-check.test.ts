import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runMirrorlet } from "../e2e/support/mirrorlet.ts";
import { credential, dockerConfig, native } from "../e2e/support/site.ts";
import { findFreePort } from "../support/free-port.ts";
import { buildImage, type LabImage } from "../support/image.ts";
import { partSkipReason } from "../support/lab-parts.ts";
import { scratch } from "../support/opened-bundle.ts";
import { copyImage } from "../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../support/registry.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../support/scripted-registry.ts";
import { createCa, type LabCa } from "../support/tls.ts";

const skip = partSkipReason("docker-registry");
const platforms = ["linux/amd64", "linux/arm64"];

let ca: LabCa;
let mirror: LabRegistry;
let list: LabImage;
let single: LabImage;

before(async () => {
  if (skip !== undefined) return;
  ca = await createCa();
  mirror = await startRegistry({ tls: await ca.issueServer(), auth: { kind: "basic", ...credential } });
  list = buildImage({ platforms, layers: 2 });
  single = buildImage({ format: "docker" });
  await copyImage(mirror, "site/library/a/list", "1", list);
  await copyImage(mirror, "site/library/a/single", "2", single);
});

after(() => mirror?.stop());

interface Site {
  check(images: readonly string[], ...more: readonly string[]): ReturnType<typeof runMirrorlet>;
}

function site(
  t: Parameters<typeof scratch>[0],
  entries: readonly { readonly endpoint: string; readonly hosts: readonly string[] }[],
): Site {
  const folder = scratch(t);
  const at = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const caCertPath = at("ca.crt", ca.cert);
  const pullCredentialConfigPath = at("config.json", dockerConfig(mirror.host, credential));
  const desired = at(
    "desired.yaml",
    native(
      entries.map((entry) => ({
        ...entry,
        ...(entry.endpoint.startsWith("https") ? { caCertPath } : {}),
        ...(entry.endpoint.includes(mirror.host) ? { pullCredentialConfigPath } : {}),
      })),
    ),
  );
  return {
    check: (images, ...more) =>
      runMirrorlet([
        ..."bundle check --containerd-version 2.1.9 --desired".split(" "),
        desired,
        "--images",
        at("images.txt", images.join("\n")),
        ...more,
      ]),
  };
}

const own = () => ({ endpoint: `${mirror.url}/v2/site/library`, hosts: ["gcr.io", "docker.io"] });

test("every image of a list is there, below the namespace, with the login and the CA of the desired state", {
  skip,
}, async (t) => {
  const { check } = site(t, [own()]);
  mirror.clearRequests();
  const ended = await check([
    "# what the cluster runs",
    "gcr.io/a/list:1",
    "docker.io/a/single:2",
    `gcr.io/a/list@${list.digest}`,
  ]);
  assert.equal(ended.code, 0, ended.stderr + ended.stdout);
  assert.equal(ended.stdout, "3 images: 3 there\n");
  const lines = mirror.requests().map(({ method, path, query }) => `${method} ${path}?ns=${query["ns"]}`);
  assert.ok(lines.includes("GET /v2/site/library/a/list/manifests/1?ns=gcr.io"), lines.join("\n"));
  assert.ok(lines.includes("GET /v2/site/library/a/single/manifests/2?ns=docker.io"));
  for (const { digest } of list.blobs)
    assert.ok(lines.includes(`HEAD /v2/site/library/a/list/blobs/${digest}?ns=gcr.io`));
  assert.equal(lines.filter((line) => line.startsWith("GET") && line.includes("/blobs/")).length, 0);
});

test("many images with many layers: no word of Node's about it", { skip }, async (t) => {
  const registry = await startScriptedRegistry();
  t.after(() => registry.stop());
  const names = Array.from({ length: 8 }, (_, at) => `a/many${at}`);
  for (const name of names) registry.put(name, "1", buildImage({ layers: 6 }));
  registry.script({ method: "HEAD", does: { kind: "delay", ms: 20 } });
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on("warning", note);
  t.after(() => process.off("warning", note));
  const { check } = site(t, [{ endpoint: `${registry.url}/v2/library`, hosts: ["gcr.io"] }]);
  const ended = await check(names.map((name) => `gcr.io/${name}:1`));
  assert.equal(ended.code, 0, ended.stderr + ended.stdout);
  assert.deepEqual(warnings, []);
});

test("what is missing is told by image, platform and address: 1", { skip }, async (t) => {
  const { check } = site(t, [own()]);
  const ended = await check(["gcr.io/a/list:1", "gcr.io/a/list:9", "quay.io/a/list:1"], "--json");
  assert.equal(ended.code, 1);
  const document = JSON.parse(ended.stdout);
  assert.equal(document.schema, "mirrorlet.bundle-check/v1");
  assert.deepEqual(
    document.images.map(({ name, verdict }: { name: string; verdict: string }) => [name, verdict]),
    [
      ["gcr.io/a/list:1", "there"],
      ["gcr.io/a/list:9", "missing"],
      ["quay.io/a/list:1", "no-mirror"],
    ],
  );
  const [there, missing] = document.images;
  assert.deepEqual(there.mirrors[0].platforms, platforms);
  assert.deepEqual(missing.mirrors[0].missing, [
    { kind: "manifest", url: `${mirror.url}/v2/site/library/a/list/manifests/9?ns=gcr.io` },
  ]);
  const text = await check(["gcr.io/a/list:9", "quay.io/a/list:1"]);
  assert.match(text.stdout, /^gcr\.io\/a\/list:9: missing\n {2}https:.*: nothing is there\n/);
  assert.match(text.stdout, /quay\.io\/a\/list:1: no mirror for its host: nodes would go to the upstream\n/);
  assert.match(text.stdout, /\n2 images: 0 there, 1 missing, 1 without a mirror\n$/);
});

test("a mirror with a list that lacks a platform, and a layer of another", { skip }, async (t) => {
  const partial: ScriptedRegistry = await startScriptedRegistry();
  t.after(() => partial.stop());
  partial.put("a/list", "1", list);
  const [amd, arm] = list.manifests;
  const layer = list.blobs[1];
  const gone = { kind: "status", status: 404 } as const;
  partial.script(
    { path: new RegExp(arm?.digest ?? "none"), does: gone },
    { path: new RegExp(layer?.digest ?? "none"), does: gone },
  );
  const { check } = site(t, [{ endpoint: partial.url, hosts: ["gcr.io"] }]);
  const ended = await check(["gcr.io/a/list:1"]);
  assert.equal(ended.code, 1, ended.stdout + ended.stderr);
  assert.match(ended.stdout, /it lacks 1 manifest and 1 of 3 blobs\n/);
  assert.match(ended.stdout, new RegExp(`linux/arm64: http://.*/manifests/${arm?.digest}`));
  assert.match(ended.stdout, new RegExp(`linux/amd64: http://.*/blobs/${layer?.digest}`));
  assert.equal(amd?.digest === arm?.digest, false);
  partial.script();
  assert.equal((await check(["gcr.io/a/list:1"])).code, 0);
});

test("a second mirror that has it is enough; one that cannot be asked is not known: 2", {
  skip,
}, async (t) => {
  const nobody = `http://127.0.0.1:${await findFreePort()}`;
  const dead = { endpoint: nobody, hosts: ["gcr.io"] };
  const both = site(t, [dead, { ...own(), hosts: ["gcr.io"] }]);
  const fine = await both.check(["gcr.io/a/list:1"]);
  assert.equal(fine.code, 0, fine.stdout + fine.stderr);
  const alone = await site(t, [dead]).check(["gcr.io/a/list:1", "gcr.io/a/single:2"]);
  assert.equal(alone.code, 2, alone.stdout);
  assert.match(alone.stdout, /gcr\.io\/a\/list:1: not known\n {2}.*connection refused/);
  assert.match(alone.stdout, /gcr\.io\/a\/single:2: not known\n {2}.*: as above\n/);
  assert.match(alone.stdout, /2 images: 0 there, 2 not known\n$/);
});

test("a login that the mirror refuses is not known, and said; bad input is 65", { skip }, async (t) => {
  const { check } = site(t, [own()]);
  await mirror.setCredential(credential.username, "changed");
  const refused = await check(["gcr.io/a/list:1"]);
  await mirror.setCredential(credential.username, credential.password);
  assert.equal(refused.code, 2, refused.stdout);
  assert.doesNotMatch(refused.stdout, /pass"word/);
  assert.equal((await check(["not an image"])).code, 65);
  assert.equal((await check([])).code, 65);
});
