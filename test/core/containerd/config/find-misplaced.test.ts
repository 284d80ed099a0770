import assert from "node:assert/strict";
import { test } from "node:test";
import { findMisplaced } from "../../../../src/core/containerd/config/find-misplaced.ts";
import { findReplaced } from "../../../../src/core/containerd/config/find-replaced.ts";
import { findUnknownKeys } from "../../../../src/core/containerd/config/find-unknown-keys.ts";
import { mergeConfig } from "../../../../src/core/containerd/config/merge-config.ts";
import { parseContainerdVersion, traitsOf } from "../../../../src/core/containerd/version.ts";
import { configFixtures, readConfigFixture } from "../../../support/config-fixtures.ts";

const grpc = '[plugins."io.containerd.grpc.v1.cri"';
const images = '[plugins."io.containerd.cri.v1.images"';

function read(release: string, ...texts: readonly string[]) {
  const version = parseContainerdVersion(release);
  assert.ok(version);
  const traits = traitsOf(version);
  const sources = texts.map((text, index) => ({ path: `/${index}.toml`, text }));
  return { merged: mergeConfig(sources, traits), traits };
}

function misplaced(release: string, text: string): readonly string[] {
  const { merged, traits } = read(release, text);
  return findMisplaced(merged, traits).map(({ path, at }) => `${path.join(" ")} ${at.line}`);
}

test("registry settings outside of CRI's tables are found wherever they stand", () => {
  const path = 'config_path = "/a"\n';
  const vectors: readonly (readonly [string, string])[] = [
    [path, "config_path 1"],
    [`[registry]\n${path}`, "registry 1"],
    [`[plugins]\n${path}`, "plugins config_path 2"],
    [`[plugins.registry]\n${path}`, "plugins registry 1"],
    [`${grpc}]\n${path}`, "plugins io.containerd.grpc.v1.cri config_path 2"],
    [`${grpc}.containerd]\n${path}`, "plugins io.containerd.grpc.v1.cri containerd config_path 2"],
    [`${grpc}.containerd.registry]\n${path}`, "plugins io.containerd.grpc.v1.cri containerd registry 1"],
    [
      `[plugins."io.containerd.transfer.v1.local"]\n${path}`,
      "plugins io.containerd.transfer.v1.local config_path 2",
    ],
    [
      `[plugins."io.containerd.cri.v1.runtime".registry]\n${path}`,
      "plugins io.containerd.cri.v1.runtime registry 1",
    ],
    [`[plugins.io.containerd.grpc.v1.cri.registry]\n${path}`, "plugins io containerd grpc v1 cri registry 1"],
  ];
  for (const [text, expected] of vectors) assert.deepEqual(misplaced("2.1.9", text), [expected], text);
});

test("registry settings of other plugins, options of runtimes and empty ones are nobody's mistake", () => {
  for (const text of [
    `${grpc}.registry]\nconfig_path = "/a"\n`,
    `${images}.registry]\nconfig_path = "/a"\n`,
    '[plugins."io.containerd.snapshotter.v1.stargz".registry]\nconfig_path = "/a"\n',
    '[plugins."io.containerd.transfer.v1.local"]\nconfig_path = ""\n',
    `${grpc}.containerd.runtimes.kata.options]\nConfigPath = "/opt/kata/configuration.toml"\n`,
  ])
    assert.deepEqual(misplaced("2.1.9", text), [], text);
  for (const { name, versions } of configFixtures)
    for (const release of versions) assert.deepEqual(misplaced(release, readConfigFixture(name)), [], name);
});

test("keys that nobody reads, at every level of the registry settings", () => {
  const text = `version = 2
${grpc}.registry]
config-path = "/a"
Config_Path = "/b"
${grpc}.registry.mirrors."docker.io"]
endpoints = ["https://m"]
${grpc}.registry.mirrors."quay.io"]
endpoint = ["https://m"]
rewrite = {}
${grpc}.registry.configs.m]
insecure = true
${grpc}.registry.configs.m.tls]
skip_verify = true
${grpc}.registry.configs.m.auth]
user = "u"
`;
  const keys = (release: string) => {
    const { merged, traits } = read(release, text);
    return findUnknownKeys(merged.cri, traits).map(({ key, at }) => `${key} ${at.line}`);
  };
  const both = ["endpoints 6", "insecure 11", "user 15"];
  assert.deepEqual(keys("1.7.24"), ["config-path 3", "Config_Path 4", ...both, "skip_verify 13"]);
  assert.deepEqual(keys("2.1.9"), ["config-path 3", ...both]);
});

test("on 1.x the last file with the plugin takes the place of the earlier ones' whole section", () => {
  const main = `version = 2\n${grpc}]\nsandbox_image = "p"\n${grpc}.registry]\nconfig_path = "/a"\n`;
  const other = `version = 2\n${grpc}.registry]\nconfig_path = "/b"\n`;
  const { merged, traits } = read("1.7.24", main, other);
  const [replaced, ...more] = findReplaced(merged, traits);
  assert.deepEqual(
    [replaced?.file.path, replaced?.by.path, replaced?.lost],
    ["/0.toml", "/1.toml", [{ path: ["sandbox_image"], value: "p" }]],
  );
  assert.equal(more.length, 0);
  const two = read("2.1.9", main, other);
  assert.deepEqual(findReplaced(two.merged, two.traits), []);
});
