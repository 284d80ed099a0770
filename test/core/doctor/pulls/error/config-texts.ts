import { CERTS_D, CONFIG } from "../../../../support/doctored-node.ts";

const CRI_1 = '[plugins."io.containerd.grpc.v1.cri"';
const CRI_2 = '[plugins."io.containerd.cri.v1.images"';
const strict = 'level=warning msg="Ignoring unknown key in TOML for plugin" error="strict mode: …"';

/** What each release wrote of such a config.toml. */
export const CONFIG_TEXTS: readonly (readonly [release: string, config: string, text: string])[] = [
  ["1.7.24", "version = 2\na =\n", `containerd: failed to load TOML: ${CONFIG}: (3, 1): expecting a value`],
  [
    "2.1.9",
    "version = 3\na =\n",
    "containerd: failed to unmarshal TOML at row 2 column 4: toml: unexpected character U+000A at start of value",
  ],
  [
    "2.1.9",
    "version = 3\na =\n",
    `level=error msg="Failure unmarshaling TOML" column=4 error="toml: unexpected character U+000A at start of value" file=${CONFIG} row=2`,
  ],
  [
    "1.6.20",
    'imports = "x"\n',
    "containerd: failed to unmarshal TOML: (1, 1): Can't convert x(string) to []string(slice)",
  ],
  [
    "2.1.9",
    'imports = "x"\n',
    "containerd: failed to unmarshal TOML at row 1 column 11: toml: cannot decode TOML string into struct field config.Config.Imports of type []string",
  ],
  [
    "1.7.24",
    `version = 2\n${CRI_1}.registry]\nconfig_path = ["${CERTS_D}"]\n`,
    `containerd: (3, 1): Can't convert [${CERTS_D}]([]interface {}) to a slice`,
  ],
  [
    "2.1.9",
    `version = 3\n${CRI_2}.registry]\nconfig_path = ["${CERTS_D}"]\n`,
    "containerd: toml: cannot decode TOML array into struct field config.Registry.ConfigPath of type string",
  ],
  [
    "1.7.24",
    'version = 2\ndisabled_plugins = ["cri"]\n',
    `containerd: failed to load TOML from ${CONFIG}: invalid disabled plugin URI "cri" expect io.containerd.x.vx`,
  ],
  [
    "1.7.24",
    'version = 2\nimports = ["/etc/containerd/none.toml"]\n',
    "containerd: failed to load TOML: /etc/containerd/none.toml: open /etc/containerd/none.toml: no such file or directory",
  ],
  [
    "2.1.9",
    'version = 3\nimports = ["/etc/containerd/none.toml"]\n',
    "containerd: open /etc/containerd/none.toml: no such file or directory",
  ],
  [
    "1.7.24",
    `version = 2\n${CRI_1}]\nsystemd_cgroup = true\n`,
    'level=warning msg="failed to load plugin io.containerd.grpc.v1.cri" error="invalid plugin config: `systemd_cgroup` only works for runtime io.containerd.runtime.v1.linux"',
  ],
  [
    "2.1.9",
    `version = 3\n${CRI_2}]\nimage_pull_progress_timeout = "5"\n`,
    'level=warning msg="failed to load plugin" error="invalid cri image config: invalid image pull progress timeout: time: missing unit in duration \\"5\\"" id=io.containerd.cri.v1.images',
  ],
  [
    "2.1.9",
    `version = 3\n${CRI_2}.registry]\nconfig-path = "${CERTS_D}"\n`,
    `${strict} key="registry config-path" plugin=io.containerd.cri.v1.images`,
  ],
  [
    "2.1.9",
    `version = 3\n${CRI_2}.registry.configs."m.example".tls]\nca_file = "/ca"\n`,
    `${strict} key="registry configs m.example tls" plugin=io.containerd.cri.v1.images`,
  ],
  [
    "2.1.9",
    `version = 3\n${CRI_1}.registry]\nconfig_path = "${CERTS_D}"\n`,
    `${strict} key=registry plugin=io.containerd.grpc.v1.cri`,
  ],
  [
    "2.1.9",
    `version = 3\n[plugins."io.containerd.cri.v1.runtime".registry]\nconfig_path = "${CERTS_D}"\n`,
    `${strict} key=registry plugin=io.containerd.cri.v1.runtime`,
  ],
];
