import assert from "node:assert/strict";
import { test } from "node:test";
import { diagnose } from "../../../../src/core/doctor/diagnose.ts";
import { fateOf } from "../../../../src/core/doctor/fate.ts";
import { CERTS_D, CONFIG, type NodeFiles, RELEASES, viewOf } from "../../../support/doctored-node.ts";
import { config, cri, GCR, MIRROR } from "./support/told.ts";

const DROP_IN = "/etc/containerd/conf.d/50-other.toml";
const IMPORTS = 'imports = ["/etc/containerd/conf.d/*.toml"]\n';

/** Everything is right with it, and pulls of gcr.io ask the mirror. */
function goodNode(release: string): Record<string, string> {
  const text = `${IMPORTS}${cri(release)}]\nmax_concurrent_downloads = 3\n${cri(release)}.registry]\nconfig_path = "${CERTS_D}"\n`;
  return { [CONFIG]: config(release, text), [DROP_IN]: '[debug]\nlevel = "info"\n', [GCR]: MIRROR };
}

type Mutation = (node: Record<string, string>, release: string) => Record<string, string>;

const replace =
  (from: string | RegExp, to: string): Mutation =>
  (node) => ({ ...node, [CONFIG]: (node[CONFIG] ?? "").replace(from, to) });

const addToDropIn =
  (text: (release: string) => string): Mutation =>
  (node, release) => ({ ...node, [DROP_IN]: text(release) });

const KEY = /config_path/;
const VALUE = /"\/etc\/containerd\/certs\.d"/;
const TABLE = /\[plugins\.[^\n]*\.registry\]/;

const mutations: Readonly<Record<string, Mutation>> = {
  ...Object.fromEntries(
    ["config-path", "configpath", "config_paths", "ConfigPath", "config_dir", "path", "certs_d"].map(
      (key) => [`key ${key}`, replace(KEY, key)],
    ),
  ),
  ...Object.fromEntries(
    [
      '""',
      '"/etc/containerd"',
      '"/etc/containerd/cert.d"',
      '"/etc/containerd/certs.d/gcr.io"',
      '"/etc/containerd/certs.d:/etc/docker/certs.d"',
      '"/etc/docker/certs.d"',
      '"certs.d"',
      '"/etc/containerd/config.toml"',
      '"~/certs.d"',
      '["/etc/containerd/certs.d"]',
      "true",
      "",
    ].map((value) => [`value ${value}`, replace(VALUE, value)]),
  ),
  ...Object.fromEntries(
    [
      "[registry]",
      "[plugins.registry]",
      "[plugins.cri.registry]",
      '[plugins."io.containerd.grpc.v1.cri".registry]',
      '[plugins."io.containerd.grpc.v1.cri"]',
      '[plugins."io.containerd.grpc.v1.cri".registries]',
      '[plugins."io.containerd.cri.v1.images".registry]',
      '[plugins."io.containerd.cri.v1.images".Registry]',
      '[plugins."io.containerd.cri.v1.image".registry]',
      '[plugins."io.containerd.cri.v1.runtime".registry]',
      '[plugins."io.containerd.transfer.v1.local"]',
      "[plugins.io.containerd.grpc.v1.cri.registry]",
      '[plugins."io.containerd.grpc.v1.cri".containerd.registry]',
      '[[plugins."io.containerd.grpc.v1.cri".registry]]',
      "# [registry]",
      "[registry",
    ].map((table) => [`table ${table}`, replace(TABLE, table)]),
  ),
  ...Object.fromEntries(
    ["", "version = 1", "version = 2", "version = 3", "version = 4", 'version = "2"', "Version = 2"].map(
      (line) => [`head ${line}`, replace(/^version = \d/, line)],
    ),
  ),
  "CRI disabled": replace(IMPORTS, 'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'),
  "CRI disabled by its short name": replace(IMPORTS, 'disabled_plugins = ["cri"]\n'),
  "an import that is missing": replace(IMPORTS, 'imports = ["/etc/containerd/none.toml"]\n'),
  "imports are a text": replace(IMPORTS, 'imports = "/etc/containerd/none.toml"\n'),
  "a bracket is missing": replace(IMPORTS, 'imports = ["/etc/containerd/none.toml"\n'),
  "mirrors beside it": (node, release) => ({
    ...node,
    [CONFIG]: `${node[CONFIG]}${cri(release)}.registry.mirrors."quay.io"]\nendpoint = ["https://m.example"]\n`,
  }),
  "TLS beside it": (node, release) => ({
    ...node,
    [CONFIG]: `${node[CONFIG]}${cri(release)}.registry.configs."m.example".tls]\nca_file = "/ca"\n`,
  }),
  "drop-in with CRI settings": addToDropIn((release) => config(release, `${cri(release)}]\nx = 1\n`)),
  "drop-in with an empty config_path": addToDropIn((release) =>
    config(release, `${cri(release)}.registry]\nconfig_path = ""\n`),
  ),
  "drop-in with another config_path": addToDropIn((release) =>
    config(release, `${cri(release)}.registry]\nconfig_path = "/opt/certs.d"\n`),
  ),
  "drop-in of version 2": addToDropIn(() => "version = 2\n"),
  "drop-in of version 3": addToDropIn(() => "version = 3\n"),
  "drop-in of version 4": addToDropIn(() => "version = 4\n"),
  "drop-in that is not TOML": addToDropIn(() => "a =\n"),
  "config_path in a drop-in that nothing imports": (node, release) => ({
    ...node,
    [CONFIG]: config(release, ""),
    [DROP_IN]: (node[CONFIG] ?? "").replace(IMPORTS, ""),
  }),
  "no config.toml": ({ [CONFIG]: _, ...rest }) => rest,
  "an empty config.toml": (node) => ({ ...node, [CONFIG]: "" }),
};

test("the node that the mutations start from is right", async () => {
  for (const release of RELEASES) {
    const view = await viewOf(goodNode(release), release);
    assert.deepEqual(diagnose(view), [], release);
    assert.ok(asksMirror(view), release);
  }
});

for (const [name, mutate] of Object.entries(mutations))
  test(`a pull that no longer asks the mirror has a finding: ${name}`, async () => {
    for (const release of RELEASES) {
      const files: NodeFiles = mutate(goodNode(release), release);
      const view = await viewOf(files, release);
      const errors = diagnose(view).filter(({ severity }) => severity === "error");
      const told = errors.map(({ code }) => code).join(", ");
      if (!asksMirror(view)) assert.notEqual(errors.length, 0, `${release}: ${files[CONFIG]}`);
      else assert.equal(errors.length, 0, `${release}: ${told} although pulls ask the mirror`);
    }
  });

function asksMirror(view: Awaited<ReturnType<typeof viewOf>>): boolean {
  const { daemon } = view.config;
  return daemon.ok && (fateOf("gcr.io", view).byTag?.hosts.some(({ role }) => role === "mirror") ?? false);
}
