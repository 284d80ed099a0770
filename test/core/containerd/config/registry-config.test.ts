import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type RegistryConfig, readRegistryConfig } from "../../../../src/core/containerd/registry-config.ts";
import { type ContainerdVersion, parseContainerdVersion } from "../../../../src/core/containerd/version.ts";

const path = "/etc/containerd/config.toml";
const grpc = '[plugins."io.containerd.grpc.v1.cri"';
const images = "[plugins.'io.containerd.cri.v1.images'";

function versionOf(release: string): ContainerdVersion {
  const version = parseContainerdVersion(release);
  assert.ok(version);
  return version;
}

function read(release: string, text: string, imports: readonly string[] = []): RegistryConfig {
  const sources = imports.map((content, index) => ({
    path: `/etc/containerd/conf.d/${index}.toml`,
    text: content,
  }));
  return readRegistryConfig({ path, text }, sources, versionOf(release));
}

const sections: Readonly<Record<string, string>> = {
  cri: "plugins.cri",
  grpc: 'plugins."io.containerd.grpc.v1.cri"',
  images: 'plugins."io.containerd.cri.v1.images"',
};

// Each line was measured with `containerd config dump` of that release: a main file with config_path "/main" in one
// section, and a drop-in of another version with "/imp" in a section, with the bare plugin table, or with neither.
test("sections, versions and imports mix as measured on real containerds", () => {
  const lines = readFileSync(
    new URL("../../../golden/config/merge-vectors.txt", import.meta.url),
    "utf8",
  ).split("\n");
  const vectors = lines.filter((line) => line !== "" && !line.startsWith("#"));
  assert.ok(vectors.length === 720);
  for (const vector of vectors) {
    const [release = "", mainVersion, mainSection = "", importVersion, importSection = "", expected] =
      vector.split(" ");
    const head = (version: string | undefined): string => (version === "0" ? "" : `version = ${version}\n`);
    const main = `${head(mainVersion)}[${sections[mainSection]}.registry]\nconfig_path = "/main"\n`;
    const bare = importSection === "empty" ? `[${sections[mainSection]}]\nsandbox_image = "x"\n` : "";
    const own =
      sections[importSection] === undefined
        ? bare
        : `[${sections[importSection]}.registry]\nconfig_path = "/imp"\n`;
    const config = read(release, main, [head(importVersion) + own]);
    assert.equal(config.daemon.ok ? `"${config.configPath}"` : "refused", expected, vector);
  }
});

test("the transfer service takes a list for one directory, a local pull splits it", () => {
  const text = `version = 2\n${grpc}.registry]\nconfig_path = "/a:/b"\n`;
  assert.deepEqual(read("2.1.9", text).roots, ["/a:/b"]);
  assert.deepEqual(read("2.0.5", text).roots, ["/a", "/b"]);
  assert.deepEqual(read("1.7.24", text).roots, ["/a", "/b"]);
  const local = read("2.1.9", `${text}${grpc}.containerd]\ndiscard_unpacked_layers = true\n`);
  assert.deepEqual([local.pullMode, local.roots], ["local", ["/a", "/b"]]);
  assert.deepEqual(local.localPullReasons, [
    { setting: "DiscardUnpackedLayers", at: { file: path, line: 5, column: 1 } },
  ]);
});

test("what forces a local pull on 2.1", () => {
  const settings: Readonly<Record<string, string>> = {
    UseLocalImagePull: `${images}]\nuse_local_image_pull = true\n`,
    DisableSnapshotAnnotations: `${images}]\ndisable_snapshot_annotations = false\n`,
    MaxConcurrentDownloads: `${images}]\nmax_concurrent_downloads = 10\n`,
    ImagePullWithSyncFs: `${images}]\nimage_pull_with_sync_fs = true\n`,
    "Registry.Mirrors": `${images}.registry.mirrors."a"]\nendpoint = []\n`,
    "Registry.Configs": `${images}.registry.configs."a".auth]\nusername = "u"\n`,
    "Registry.Auths": `${images}.registry.auths."https://a"]\nusername = "u"\n`,
  };
  for (const [setting, text] of Object.entries(settings)) {
    const config = read("2.1.9", `version = 3\n${text}`);
    assert.deepEqual(
      [config.pullMode, config.localPullReasons.map((reason) => reason.setting)],
      ["local", [setting]],
    );
    assert.equal(read("2.0.5", `version = 3\n${text}`).localPullReasons.length, 0);
  }
  const harmless = `version = 3\n${images}]\nmax_concurrent_downloads = 3\ndiscard_unpacked_layers = false\n${images}.registry.headers]\nX = ["1"]\n`;
  assert.equal(read("2.1.9", harmless).pullMode, "transfer");
});

test("the default config_path by release", () => {
  const list = "/etc/containerd/certs.d:/etc/docker/certs.d";
  assert.equal(read("2.1.9", "version = 3\n").configPath, "");
  assert.equal(readRegistryConfig(undefined, [], versionOf("2.2.7")).configPath, list);
  assert.deepEqual(readRegistryConfig(undefined, [], versionOf("2.2.7")).roots, [list]);
  const empty = `version = 3\n${images}.registry]\nconfig_path = ""\n`;
  assert.equal(read("2.2.7", empty).configPath, list);
  assert.equal(read("2.2.0", empty).configPath, "");
  const mirrors = `version = 3\n${images}.registry.mirrors."a"]\nendpoint = ["https://m"]\n`;
  assert.deepEqual([read("2.2.7", mirrors).configPath, read("2.2.7", mirrors).criLoads], ["", { ok: true }]);
  assert.equal(read("2.2.0", mirrors).criLoads.ok, false);
});

test("mirrors beside config_path keep CRI from loading, in containerd's words and with the place", () => {
  const text = `version = 2\n${grpc}.registry]\nconfig_path = "/a"\n${grpc}.registry.mirrors."gcr.io"]\nendpoint = ["https://m"]\n`;
  const at = { file: path, line: 4, column: 1 };
  const words = "`mirrors` cannot be set when `config_path` is provided";
  assert.deepEqual(read("1.6.20", text).criLoads, {
    ok: false,
    kind: "mirrors-and-config-path",
    reason: `invalid plugin config: ${words}`,
    at,
  });
  assert.deepEqual(read("2.1.9", text).criLoads, {
    ok: false,
    kind: "mirrors-and-config-path",
    reason: `invalid cri image config: ${words}`,
    at,
  });
  assert.equal(read("2.1.9", text.replace('"/a"', '""')).criLoads.ok, true);
});

test("configs.tls beside config_path: a conflict on 1.x, ignored on 2.x", () => {
  const text = `version = 2\n${grpc}.registry]\nconfig_path = "/a"\n${grpc}.registry.configs."m".tls]\nca_file = "/ca"\n`;
  const { criLoads } = read("1.7.24", text);
  assert.match(
    criLoads.ok ? "" : criLoads.reason,
    /`configs.tls` cannot be set when `config_path` is provided/,
  );
  const onTwo = read("2.1.9", text);
  assert.equal(onTwo.criLoads.ok, true);
  assert.deepEqual(
    onTwo.ignored.map(({ section, at }) => [section, at.line]),
    [["registry.configs.m.tls", 4]],
  );
});

test("a bad image_pull_progress_timeout keeps CRI from loading where it is read", () => {
  const text = `version = 2\n${grpc}]\nimage_pull_progress_timeout = "5"\n`;
  assert.equal(read("1.6.20", text).criLoads.ok, true);
  for (const release of ["1.7.24", "2.1.9"]) {
    const { criLoads } = read(release, text);
    assert.match(
      criLoads.ok ? "" : criLoads.reason,
      /invalid image pull progress timeout: time: missing unit in duration "5"/,
    );
  }
  for (const good of ["0s", "1m30s", "1.5h", ""])
    assert.equal(read("2.1.9", text.replace('"5"', `"${good}"`)).criLoads.ok, true, good);
});

test("a disabled CRI plugin does not load", () => {
  assert.equal(read("1.7.24", 'disabled_plugins = ["cri"]\n').criLoads.ok, false);
  assert.equal(read("2.1.9", 'disabled_plugins = ["cri"]\n').criLoads.ok, false);
  assert.equal(
    read("1.7.24", 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n').criLoads.ok,
    false,
  );
  assert.equal(
    read("1.7.24", 'version = 2\ndisabled_plugins = ["io.containerd.snapshotter.v1.btrfs"]\n').criLoads.ok,
    true,
  );
});

test("short names of plugins belong to version 1; 2.x gives them their full name there", () => {
  const refusal = (release: string, text: string) => {
    const { daemon } = read(release, text);
    return daemon.ok ? "starts" : `${daemon.kind} ${daemon.at.line}`;
  };
  for (const key of ["disabled_plugins", "required_plugins"]) {
    const short = `version = 2\n${key} = ["restart"]\n`;
    for (const release of ["1.6.20", "1.7.24", "2.1.9", "2.3.4"])
      assert.equal(refusal(release, short), "plugin-name 2", `${release} ${key}`);
  }
  for (const release of ["1.7.24", "2.1.9", "2.3.4"])
    assert.equal(refusal(release, 'disabled_plugins = ["restart"]\n'), "starts", release);
  assert.equal(refusal("2.1.9", "version = 2\n[plugins.restart]\n"), "starts");
  assert.equal(refusal("1.7.24", 'version = 2\ndisabled_plugins = ["my.own.v1.x"]\n'), "plugin-name 2");
  assert.equal(refusal("1.6.20", 'version = 2\ndisabled_plugins = ["my.own.v1.x"]\n'), "starts");
});

test("a CRI plugin that is required and does not load takes the daemon with it", () => {
  const text = `version = 2\nrequired_plugins = ["io.containerd.grpc.v1.cri"]\n${grpc}.registry]\nconfig_path = "/a"\n`;
  const broken = `${text}${grpc}.registry.mirrors.a]\nendpoint = ["https://m"]\n`;
  for (const release of ["1.7.24", "2.1.9"]) {
    assert.equal(read(release, text).daemon.ok, true);
    const { daemon } = read(release, broken);
    assert.ok(!daemon.ok);
    assert.deepEqual([daemon.kind, daemon.at.line], ["required-plugin", 5]);
    assert.equal(read(release, broken.replace(/required.*/, "")).daemon.ok, true);
  }
});

test("the settings beside registry, by generation of the file and of the release", () => {
  const old = `version = 2\n${grpc}]\nsandbox_image = "m/pause:1"\nimage_pull_progress_timeout = "90s"\n${grpc}.containerd]\nsnapshotter = "stargz"\n`;
  const own = `version = 3\n${images}]\nsnapshotter = "stargz"\nimage_pull_progress_timeout = "90s"\n${images}.pinned_images]\nsandbox = "m/pause:1"\n`;
  for (const [release, text] of [
    ["1.7.24", old],
    ["2.1.9", old],
    ["2.3.4", old],
    ["2.1.9", own],
    ["2.3.4", own],
  ] as const) {
    const { sandboxImage, snapshotter, pullProgressTimeout } = read(release, text).settings;
    assert.deepEqual(
      [sandboxImage.value, snapshotter.value, pullProgressTimeout?.value],
      ["m/pause:1", "stargz", { text: "90s", ms: 90_000 }],
      release,
    );
  }
  assert.equal(read("1.6.20", old).settings.pullProgressTimeout, undefined);
  assert.deepEqual(read("2.1.9", own.replace("90s", "")).settings.pullProgressTimeout?.value, { text: "" });
  const defaults = ["1.6.8", "1.6.20", "1.7.9", "1.7.24", "2.1.9", "2.2.7", "2.3.4"].map((release) => {
    const { sandboxImage, pullProgressTimeout } = read(release, "").settings;
    return `${sandboxImage.value} ${pullProgressTimeout?.value.text}`;
  });
  assert.deepEqual(defaults, [
    "k8s.gcr.io/pause:3.6 undefined",
    "registry.k8s.io/pause:3.6 undefined",
    "registry.k8s.io/pause:3.8 1m0s",
    "registry.k8s.io/pause:3.8 5m0s",
    "registry.k8s.io/pause:3.10 5m0s",
    "registry.k8s.io/pause:3.10.1 5m0s",
    "registry.k8s.io/pause:3.10.2 5m0s",
  ]);
});

test("a relative config_path starts at the root, where systemd starts the daemon", () => {
  const text = `version = 2\n${grpc}.registry]\nconfig_path = "etc/a:/b"\n`;
  assert.deepEqual(read("1.7.24", text).roots, ["/etc/a", "/b"]);
});

test("what stops the daemon has a place", () => {
  const refusal = (release: string, text: string) => {
    const { daemon } = read(release, text);
    return daemon.ok ? undefined : [daemon.reason, daemon.at.line, daemon.at.column];
  };
  assert.deepEqual(refusal("1.7.24", "\nversion = 3\n"), [
    "unsupported config version `3`, the max version is `2`",
    2,
    1,
  ]);
  assert.match(String(refusal("2.1.9", "version = 4\n")), /less than `3`, got `4`/);
  assert.equal(refusal("1.6.20", "version = 9\n"), undefined);
  assert.deepEqual(refusal("2.1.9", `version = 2\n${grpc}.registry]\n  config_path = ["/a"]\n`), [
    "config_path is not a string",
    3,
    3,
  ]);
  assert.match(
    String(refusal("1.7.24", `version = 2\n${grpc}.registry.mirrors.a]\nendpoint = "x"\n`)),
    /endpoint is not a list of strings,3,1/,
  );
  assert.match(String(refusal("1.7.24", "version = 2\n[plugins.cri]\n")), /invalid plugin key URI "cri"/);
  assert.match(String(refusal("2.1.9", "\ufeffversion = 2\n")), /byte order mark/);
  assert.equal(refusal("1.7.24", "\ufeffversion = 2\n"), undefined);
  assert.deepEqual(refusal("2.1.9", "a = 1\nb = \n")?.slice(1), [2, 5]);
});

test("2.x reads keys whatever their case, 1.x does not", () => {
  const text = `version = 2\n${grpc}.registry]\nConfig_Path = "/a"\n`;
  assert.equal(read("2.1.9", text).configPath, "/a");
  assert.equal(read("1.7.24", text).configPath, "");
});

test("sections that do not count are listed with the reason", () => {
  const v3OnOne = read("1.7.24", `version = 2\n${images}.registry]\nconfig_path = "/a"\n`);
  assert.equal(v3OnOne.configPath, "");
  assert.match(v3OnOne.ignored[0]?.reason ?? "", /containerd 1\.x does not know this section/);
  const both = read("2.1.9", `version = 2\n${images}.registry]\nconfig_path = "/a"\n${grpc}.registry]\n`);
  assert.match(both.ignored[0]?.reason ?? "", /replaces it/);
  assert.equal(both.ignored[0]?.at.line, 2);
  const replaced = read("1.7.24", `version = 2\n${grpc}.registry]\nconfig_path = "/a"\n`, [
    `version = 2\n${grpc}]\nx = 1\n`,
  ]);
  assert.equal(replaced.configPath, "");
  assert.match(replaced.ignored[0]?.reason ?? "", /whole .* of \/etc\/containerd\/conf\.d\/0\.toml/);
});

test("mirrors, hosts, auths and headers come with their places; imports unite lists on 2.x", () => {
  const text = `version = 3\n${images}.registry]\nheaders = { X = ["1", "2"] }\n${images}.registry.mirrors."gcr.io"]\nendpoint = ["https://a"]\n${images}.registry.configs."m:5000".auth]\nusername = "u"\nidentitytoken = "t"\n`;
  const config = read("2.1.9", text, [
    `version = 3\n${images}.registry.mirrors."gcr.io"]\nendpoint = ["https://a", "https://b"]\n`,
  ]);
  assert.deepEqual(config.headers, [
    { name: "X", values: ["1", "2"], at: { file: path, line: 3, column: 1 } },
  ]);
  assert.deepEqual(config.mirrors[0]?.endpoints, ["https://a", "https://b"]);
  assert.deepEqual(config.configs[0]?.auth, { username: "u", identityToken: "t" });
  assert.equal(config.configs[0]?.authAt?.line, 6);
});
