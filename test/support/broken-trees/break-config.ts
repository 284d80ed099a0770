import { CERTS_D, CONFIG } from "../doctored-node.ts";
import { DROP_IN } from "./good-trees.ts";
import { editConfig, type Mutate, type Mutations } from "./mutation.ts";

const KEY = /config_path/;
const TABLE = /\[plugins\.[^\n]*\.registry\]/;
const VALUE = `"${CERTS_D}"`;

/** The CRI table that is right for the release, as the beginning of a header. */
function cri(release: string): string {
  const plugin = release.startsWith("1.") ? "io.containerd.grpc.v1.cri" : "io.containerd.cri.v1.images";
  return `[plugins."${plugin}"`;
}

function versioned(release: string, body: string): string {
  return `version = ${release.startsWith("1.") ? 2 : 3}\n${body}`;
}

function replace(from: string | RegExp, to: string): Mutate {
  return editConfig((text) => text.replace(from, to));
}

function append(lines: (release: string) => string): Mutate {
  return editConfig((text, { release }) => `${text}${lines(release)}`);
}

/** What a drop-in says; it does not apply where there is none. */
function dropIn(text: (release: string) => string): Mutate {
  return ({ files, release }) => (DROP_IN in files ? { ...files, [DROP_IN]: text(release) } : undefined);
}

function each(values: readonly string[], name: string, mutate: (value: string) => Mutate): Mutations {
  return Object.fromEntries(values.map((value) => [`${name} ${value}`.trim(), mutate(value)]));
}

/** A line at the top; into the list that is there already, where it is one of plugins. */
function disable(plugin: string): Mutate {
  return editConfig((text) =>
    /^disabled_plugins = \[/m.test(text)
      ? text.replace("disabled_plugins = [", `disabled_plugins = ["${plugin}", `)
      : `disabled_plugins = ["${plugin}"]\n${text}`,
  );
}

/** config.toml and its drop-ins. */
export const CONFIG_MUTATIONS: Mutations = {
  ...each(
    ["config-path", "configpath", "config_paths", "ConfigPath", "config_dir", "path", "certs_d"],
    "config_path is called",
    (key) => replace(KEY, key),
  ),
  ...each(
    [
      '""',
      '"/etc/containerd"',
      '"/etc/containerd/cert.d"',
      '"/etc/containerd/certs.d/gcr.io"',
      '"/etc/containerd/certs.d/docker.io/hosts.toml"',
      '"/etc/containerd/certs.d:/etc/docker/certs.d"',
      '"/etc/docker/certs.d"',
      '"etc/containerd/certs.d"',
      '"certs.d"',
      '"/etc/containerd/config.toml"',
      '"~/certs.d"',
      '["/etc/containerd/certs.d"]',
      "/etc/containerd/certs.d",
      "true",
      "",
    ],
    "config_path is",
    (value) => replace(VALUE, value),
  ),
  ...each(
    [
      "[registry]",
      "[plugins.registry]",
      "[plugins.cri.registry]",
      '[plugins."io.containerd.grpc.v1.cri".registry]',
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
    ],
    "it stands in",
    (table) => replace(TABLE, table),
  ),
  "config_path stands one table too high": replace(".registry]", "]"),
  ...each(
    ["", "version = 1", "version = 2", "version = 3", "version = 4", 'version = "2"', "Version = 2"],
    "the first line is",
    (line) => replace(/^version = \d/, line),
  ),
  "CRI is disabled": disable("io.containerd.grpc.v1.cri"),
  "CRI is disabled by its short name": disable("cri"),
  "the plugin of images is disabled": disable("io.containerd.cri.v1.images"),
  "an import is missing": replace(/imports = .*/, 'imports = ["/etc/containerd/none.toml"]'),
  "imports are a text": replace(/imports = .*/, 'imports = "/etc/containerd/none.toml"'),
  "a bracket of imports is missing": replace(/imports = .*/, 'imports = ["/etc/containerd/none.toml"'),
  "old mirrors stand beside config_path": append(
    (release) => `${cri(release)}.registry.mirrors."docker.io"]\nendpoint = ["https://mirror.corp"]\n`,
  ),
  "old TLS settings stand beside config_path": append(
    (release) => `${cri(release)}.registry.configs."other.corp".tls]\ninsecure_skip_verify = true\n`,
  ),
  "a drop-in has CRI settings": dropIn((release) => versioned(release, `${cri(release)}]\nx = 1\n`)),
  "a drop-in has an empty config_path": dropIn((release) =>
    versioned(release, `${cri(release)}.registry]\nconfig_path = ""\n`),
  ),
  "a drop-in has another config_path": dropIn((release) =>
    versioned(release, `${cri(release)}.registry]\nconfig_path = "/opt/certs.d"\n`),
  ),
  ...each(["2", "3", "4"], "a drop-in is of version", (version) => dropIn(() => `version = ${version}\n`)),
  "a drop-in is not TOML": dropIn(() => "a =\n"),
  "config_path is in a drop-in that nothing imports": ({ files, release }) => {
    const text = files[CONFIG];
    if (!(DROP_IN in files) || typeof text !== "string") return undefined;
    const table = /\[plugins\.[^\n]*\.registry\]\n[^[]*/.exec(text)?.[0] ?? "";
    const bare = text.replace(/imports = .*\n/, "").replace(table, "");
    return { ...files, [CONFIG]: bare, [DROP_IN]: versioned(release, table) };
  },
  "there is no config.toml": ({ files: { [CONFIG]: _, ...rest } }) => rest,
  "config.toml is empty": ({ files }) => ({ ...files, [CONFIG]: "" }),
};
