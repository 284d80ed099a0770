import { atPath } from "../../finding.ts";
import type { ConfigTrouble } from "./error-form.ts";
import type { NodeWords } from "./node-words.ts";

const CONFIG = "/etc/containerd/config.toml";

/** What containerd's words about its config.toml mean. Each takes what the text gives besides: a key, a file. */
export const CONFIG_WORDS: Readonly<Record<ConfigTrouble, (detail: string) => NodeWords>> = {
  "cri-not-answering": (service) => ({
    cause: `containerd answers, and has no ${service}: its CRI plugin is disabled or did not load`,
    consequence: "kubelet gets no answer: no pod starts, and no image is pulled",
    fix: "journalctl -u containerd | grep 'failed to load plugin' names the reason; mirrorlet doctor looks for it in config.toml",
    where: atPath(CONFIG),
  }),
  "cri-refuses-setting": (words) => doesNotLoad(words, "correct the value in config.toml"),
  "progress-timeout-invalid": (words) =>
    words.startsWith("failed to parse")
      ? {
          cause: `image_pull_progress_timeout is no duration: ${words}`,
          consequence: "every pull fails before any host is asked",
          fix: `${WRITE_TIMEOUT}, and restart containerd`,
          where: atPath(CONFIG),
        }
      : doesNotLoad(words, WRITE_TIMEOUT),
  "mirrors-beside-config-path": (words) => doesNotLoad(words, TO_HOSTS_TOML),
  "tls-beside-config-path": (words) => doesNotLoad(words, TO_HOSTS_TOML),
  "config-not-toml": (words) =>
    doesNotStart(`config.toml or an import is no TOML: ${words}`, "mend what the text names", fileIn(words)),
  "config-wrong-type": (words) =>
    doesNotStart(
      `a value of config.toml or an import has the wrong type: ${words}`,
      "give it the type that it should have: a text in quotes, a list in brackets, true or false without quotes",
    ),
  "config-version-refused": (version) =>
    doesNotStart(
      `config.toml says version = ${version}, which is too new for this containerd`,
      "write it in the version that containerd config default prints",
    ),
  "plugin-name-refused": (name) =>
    doesNotStart(
      `${name} is no full name of a plugin, which config.toml needs from version = 2 on`,
      `write it in full, such as io.containerd.grpc.v1.cri in place of cri`,
    ),
  "import-missing": (file) =>
    doesNotStart(
      `${file} cannot be read, and config.toml or its imports name it`,
      `create ${file}, or take it out of imports`,
    ),
  "config-section-ignored": (plugin) => ({
    cause: `config.toml says version = 3 and has its registry section below ${plugin}, where containerd 2 does not look for it`,
    consequence:
      "config_path is not set: no hosts.toml is read unless the default does, and no mirror of the section is used",
    fix: `${RENAME}, or let containerd config migrate do it, and restart containerd`,
    where: atPath(CONFIG),
  }),
  "config-path-misplaced": (plugin) => ({
    cause: `config.toml has a registry section below ${plugin}, which has nothing to do with registries`,
    consequence: "what stands there counts for nothing: no hosts.toml is read because of it",
    fix: `${RENAME}, and restart containerd`,
    where: atPath(CONFIG),
  }),
  "config-key-unknown": (key) => isIgnored(key, "correct its name, or remove it"),
  "legacy-tls-ignored": (key) =>
    isIgnored(key, "write ca, client or skip_verify for that host into its hosts.toml, and remove it"),
  "config-path-no-directory": (path) => ({
    cause: `config_path names ${path}, which is not a directory`,
    consequence: "every pull fails before any host is asked",
    fix: `let config_path name the directory of the hosts.toml files and restart containerd, or put a directory in place of ${path}`,
    where: atPath(path),
  }),
};

const WRITE_TIMEOUT = 'write a duration in config.toml, such as image_pull_progress_timeout = "5m"';
const RENAME = 'write it as [plugins."io.containerd.cri.v1.images".registry]';
const TO_HOSTS_TOML =
  "remove registry.mirrors and registry.configs.*.tls from config.toml, write them as hosts.toml files below config_path";

function doesNotLoad(words: string, fix: string): NodeWords {
  return {
    cause: `the CRI plugin does not load: ${words}`,
    consequence: "containerd stays up without CRI: no pod starts, and no image is pulled",
    fix: `${fix}, and restart containerd`,
    where: atPath(CONFIG),
  };
}

function doesNotStart(cause: string, fix: string, file = CONFIG): NodeWords {
  return {
    cause,
    consequence: "containerd does not start: no pod starts, and no image is pulled",
    fix: `${fix}, and start containerd`,
    where: atPath(file),
  };
}

function isIgnored(key: string, fix: string): NodeWords {
  return {
    cause: `containerd 2 does not know the key ${key.replaceAll(" ", ".")} of config.toml`,
    consequence: "it counts for nothing, and whatever it was to do for pulls does not happen",
    fix: `${fix}, and restart containerd`,
    where: atPath(CONFIG),
    severity: "warning",
  };
}

function fileIn(words: string): string | undefined {
  return /^(\/[^\s:]+):/.exec(words)?.[1];
}
