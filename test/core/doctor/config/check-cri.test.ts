import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIG, findingsOf, goodConfig, RELEASES } from "../../../support/doctored-node.ts";
import { config, cri, GCR, MIRROR, registry, told } from "./support/told.ts";

const mirrors = (release: string) =>
  `${cri(release)}.registry.mirrors."gcr.io"]\nendpoint = ["https://mirror.example"]\n`;

test("mirrors-beside-config-path: it alone is told, with what kubelet sees", async () => {
  for (const release of RELEASES) {
    const files = { [CONFIG]: goodConfig(release) + mirrors(release), [GCR]: MIRROR };
    assert.deepEqual(await told(files, release), ["error mirrors-beside-config-path config.toml:4"], release);
    const [finding] = await findingsOf(files, release);
    assert.match(finding?.consequence ?? "", /unknown service runtime\.v1/);
    assert.deepEqual(await told({ ...files, [CONFIG]: goodConfig(release) }, release), [], release);
    const empty = `${goodConfig(release)}${cri(release)}.registry.mirrors]\n`;
    assert.deepEqual(await told(empty, release), [], `${release}: an empty table is fine`);
  }
});

test("mirrors-beside-config-path: 2.2.0 and 2.2.1 have a config_path that nobody wrote", async () => {
  const text = config("2.2.0", mirrors("2.2.0"));
  for (const release of ["2.2.0", "2.2.1"]) {
    const [finding] = await findingsOf({ [CONFIG]: text }, release);
    assert.equal(finding?.code, "mirrors-beside-config-path");
    assert.match(finding.fact, /has a config_path by default/);
  }
  for (const release of ["2.1.9", "2.2.2"])
    assert.ok(
      !(await told(text, release)).some((line) => line.includes("mirrors-beside-config-path")),
      release,
    );
});

test("tls-beside-config-path: on 1.x", async () => {
  for (const release of RELEASES) {
    const tls = `${cri(release)}.registry.configs."mirror.example".tls]\nca_file = "/ca"\n`;
    const lines = await told(goodConfig(release) + tls, release);
    const expected = release.startsWith("1.")
      ? ["error tls-beside-config-path config.toml:4"]
      : ["warning legacy-tls-ignored config.toml:4"];
    assert.deepEqual(lines, expected, release);
  }
  const alone = registry(
    "1.7.24",
    '[plugins."io.containerd.grpc.v1.cri".registry.configs.m.tls]\nca_file = "/ca"\n',
  );
  assert.deepEqual(await told(alone, "1.7.24"), []);
});

test("progress-timeout-invalid: no duration keeps CRI from loading, an empty one fails every pull", async () => {
  for (const release of RELEASES) {
    const text = (value: string) =>
      config(release, `${cri(release)}]\nimage_pull_progress_timeout = "${value}"\n`);
    const expected = release === "1.6.20" ? [] : ["error progress-timeout-invalid config.toml:3"];
    for (const bad of ["300", "5 m", ""]) assert.deepEqual(await told(text(bad), release), expected, release);
    assert.deepEqual(await told(text("1m30s"), release), [], release);
  }
});

test("cri-disabled: an error where registries are configured, else a warning", async () => {
  for (const release of RELEASES) {
    const text = 'disabled_plugins = ["cri"]\n';
    assert.deepEqual(await told(text, release), ["warning cri-disabled config.toml:1"], release);
    const files = { [CONFIG]: text, [GCR]: MIRROR };
    assert.deepEqual(await told(files, release), ["error cri-disabled config.toml:1"], release);
    const other = config(release, 'disabled_plugins = ["io.containerd.snapshotter.v1.btrfs"]\n');
    assert.deepEqual(await told(other, release), [], release);
  }
});

test("a CRI plugin that is required and does not load takes containerd with it", async () => {
  const text = `required_plugins = ["io.containerd.grpc.v1.cri"]\n${goodConfig("1.7.24")}${mirrors("1.7.24")}`;
  const findings = await findingsOf({ [CONFIG]: text }, "1.7.24");
  assert.deepEqual(
    findings.map(({ code }) => code),
    ["mirrors-beside-config-path"],
  );
  assert.match(
    findings[0]?.consequence ?? "",
    /required_plugins lists CRI, so containerd does not come up again/,
  );
});

test("cri-refuses-setting: what CRI does not load with besides registries", async () => {
  const grpc = '[plugins."io.containerd.grpc.v1.cri"';
  const runc = `${grpc}.containerd.runtimes.runc]\nruntime_type = "io.containerd.runc.v2"\n`;
  const old = [
    `${grpc}]\nsystemd_cgroup = true\n`,
    `${grpc}.containerd.runtimes.nvidia]\nruntime_type = "io.containerd.runc.v2"\n`,
    `${runc}runtime_engine = "/usr/bin/x"\n`,
    `disabled_plugins = ["io.containerd.snapshotter.v1.overlayfs"]\n`,
  ];
  const all = [
    `${grpc}.containerd]\ndefault_runtime_name = "nvidia"\n${runc}`,
    `${grpc}.registry.auths."https://a b"]\nusername = "u"\n`,
    `${grpc}]\nstream_idle_timeout = "4"\n`,
  ];
  const fine = [
    `${grpc}]\nsystemd_cgroup = false\nstream_idle_timeout = "4h"\n`,
    `${grpc}.containerd]\ndefault_runtime_name = "nvidia"\n${runc}${grpc}.containerd.runtimes.nvidia]\nruntime_type = "x"\n`,
    `${runc}runtime_engine = ""\nruntime_root = ""\n`,
    `disabled_plugins = ["io.containerd.snapshotter.v1.btrfs"]\n`,
  ];
  const isTold = async (text: string, release: string) =>
    (await told(`version = 2\n${text}`, release)).some((line) =>
      line.startsWith("error cri-refuses-setting"),
    );
  for (const release of RELEASES) {
    const isOld = release.startsWith("1.");
    for (const text of old) assert.equal(await isTold(text, release), isOld, `${release}\n${text}`);
    for (const text of all) assert.equal(await isTold(text, release), true, `${release}\n${text}`);
    for (const text of fine) assert.deepEqual(await told(`version = 2\n${text}`, release), [], text);
  }
  const byOldKey = `version = 2\n${grpc}.containerd.default_runtime]\nruntime_type = "io.containerd.runc.v2"\n${grpc}.containerd.runtimes.x]\nruntime_type = "y"\n`;
  assert.deepEqual(await told(byOldKey, "1.7.24"), []);
  const own = '[plugins."io.containerd.cri.v1.runtime".containerd]\ndefault_runtime_name = "nvidia"\n';
  assert.deepEqual(await told(`version = 3\n${own}`, "2.1.9"), ["error cri-refuses-setting config.toml:3"]);
});
