import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseProbes } from "../../../../../src/core/doctor/pulls/probe/choose-probes.ts";
import { CERTS_D, CONFIG, goodConfig, type NodeFiles, viewOf } from "../../../../support/doctored-node.ts";

const MIRROR = '[host."https://mirror.corp"]\n';
const D = `sha256:${"a".repeat(64)}`;
const node = (files: NodeFiles) => viewOf({ [CONFIG]: goodConfig("1.7.24"), ...files }, "1.7.24");

async function choose(files: NodeFiles, images: readonly string[], limit = 20) {
  const { turns, leftOut } = chooseProbes(await node(files), images, limit);
  return {
    asked: turns.map(({ namespace, image }) => `${namespace} ${image?.normalized ?? "API"}`),
    leftOut,
  };
}

test("registries with a mirror in force; those with an image first, by a tag", async () => {
  const files = {
    [`${CERTS_D}/gcr.io/hosts.toml`]: MIRROR,
    [`${CERTS_D}/quay.io/hosts.toml`]: MIRROR,
    [`${CERTS_D}/ghcr.io/hosts.toml`]: 'server = "https://ghcr.io"\n[host]\n',
  };
  const images = [`quay.io/a/b@${D}`, "quay.io/a/b:1", "quay.io/c/d:2", "ghcr.io/x/y:1", D, "not an image!"];
  const { asked } = await choose(files, images);
  assert.deepEqual(asked, ["quay.io quay.io/a/b:1", "gcr.io API"]);
});

test("_default is asked about through registries that it serves", async () => {
  const files = { [`${CERTS_D}/_default/hosts.toml`]: MIRROR };
  assert.deepEqual((await choose(files, ["nginx:1"])).asked, ["docker.io docker.io/library/nginx:1"]);
  assert.deepEqual((await choose(files, [])).asked, ["* API"]);
});

test("what containerd drops, or fails on, has no mirror to ask", async () => {
  const files = {
    [`${CERTS_D}/gcr.io/hosts.toml`]: '[host."https://mirror.corp"]\ncapabilities = ["pul"]\n',
    [`${CERTS_D}/quay.io/hosts.toml`]: '[host."https://mirror.corp"]\nca = "nope.crt"\n',
  };
  assert.deepEqual((await choose(files, ["gcr.io/a/b:1", "quay.io/a/b:1"])).asked, []);
});

test("beyond the limit the rest is named", async () => {
  const names = Array.from({ length: 25 }, (_, index) => `r${String(index).padStart(2, "0")}.corp`);
  const files = Object.fromEntries(names.map((name) => [`${CERTS_D}/${name}/hosts.toml`, MIRROR]));
  const { asked, leftOut } = await choose(files, ["r24.corp/a/b:1"]);
  assert.equal(asked.length, 20);
  assert.equal(asked[0], "r24.corp r24.corp/a/b:1");
  assert.deepEqual(leftOut, names.slice(19, 24));
});
