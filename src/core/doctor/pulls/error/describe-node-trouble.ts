import type { Words } from "../../../evidence/describe-answer.ts";
import { atPath, type FindingPlace } from "../../finding.ts";
import type { ErrorCode, NodeTrouble } from "./error-form.ts";
import type { PullError } from "./read-pull-error.ts";

interface NodeWords extends Words {
  /** Where the text does not name a file. */
  readonly where?: FindingPlace;
  /** What it means for pulls where the model is not asked. */
  readonly consequence: string;
}

const CONFIG = "/etc/containerd/config.toml";
const HOSTS = "/etc/containerd/certs.d";

/** What of the node itself is wrong. The texts come from its own containerd, so that no host has a part in it. */
export function describeNodeTrouble(code: NodeTrouble, { detail }: PullError): NodeWords {
  return WORDS[code](detail);
}

export function isNodeTrouble(code: ErrorCode): code is NodeTrouble {
  return Object.hasOwn(WORDS, code);
}

const WORDS: Readonly<Record<NodeTrouble, (detail: string) => NodeWords>> = {
  "cri-not-answering": (service) => ({
    cause: `containerd answers, and has no ${service}: its CRI plugin is disabled or did not load`,
    consequence: "kubelet gets no answer: no pod starts, and no image is pulled",
    fix: "journalctl -u containerd | grep 'failed to load plugin' names the reason; mirrorlet doctor looks for it in config.toml",
    where: atPath(CONFIG),
  }),
  "cri-refuses-config": (words) => doesNotLoad(words, "correct the value in config.toml"),
  "progress-timeout-invalid": (words) =>
    doesNotLoad(words, 'write a duration in config.toml, such as image_pull_progress_timeout = "5m"'),
  "mirrors-beside-config-path": (words) => doesNotLoad(words, TO_HOSTS_TOML),
  "tls-beside-config-path": (words) => doesNotLoad(words, TO_HOSTS_TOML),
  "config-section-ignored": (plugin) => ({
    cause: `config.toml says version = 3 and has its registry section below ${plugin}, where containerd 2 does not look for it`,
    consequence:
      "config_path is not set: no hosts.toml is read unless the default does, and no mirror of the section is used",
    fix: 'rename it to [plugins."io.containerd.cri.v1.images".registry], or let containerd config migrate do it, and restart containerd',
    where: atPath(CONFIG),
  }),
  "config-version-refused": (version) => ({
    cause: `config.toml says version = ${version}, which is too new for this containerd`,
    consequence: "containerd does not start: no pod starts, and no image is pulled",
    fix: "write it in the version that containerd config default prints",
    where: atPath(CONFIG),
  }),
  "hosts-file-dropped": (file) => ({
    cause: `containerd drops ${file.startsWith("/") ? file : "a hosts.toml, and up to 1.7 does not say which one,"} whole`,
    consequence:
      "pulls of its registry go straight to the registry itself, and succeed there: nobody is told",
    fix: "mend what the line names; mirrorlet doctor names file and line",
    where: atPath(file.startsWith("/") ? file : HOSTS),
  }),
  "ca-file-unusable": (file) => badFile("a CA certificate", file, "put a readable PEM file in its place"),
  "client-file-unusable": (file) =>
    badFile(
      "a client certificate",
      file,
      "put readable PEM files in their places; a client certificate needs its key",
    ),
  "no-resolving-host": () => ({
    cause: "no host of the registry has the capabilities that this pull needs: pull, and resolve for a tag",
    consequence: "every such pull of that registry fails, and nobody is asked",
    fix: 'write capabilities = ["pull", "resolve"] for at least one host in hosts.toml',
    where: atPath(HOSTS),
  }),
  "hosts-file-unreadable": (path) => ({
    cause: `containerd cannot read ${path}; only a path that does not exist is passed over`,
    consequence: "every pull of that registry fails",
    fix: `ls -lZd ${path}: make directories 0755 and files 0644, restore SELinux labels (restorecon -R ${HOSTS}), and let <host>/ be a directory and hosts.toml a file`,
    where: atPath(path),
  }),
  "tls-keys-on-http": () => ({
    cause: "an http:// host has ca, client or skip_verify beside it: containerd tries https there first",
    consequence:
      "each pull begins with a TLS handshake that fails; a host that just closes on it is not used at all",
    fix: "remove ca, client and skip_verify from http:// hosts, also where they are empty or false",
    where: atPath(HOSTS),
  }),
  "image-name-refused": (name) => ({
    cause: `containerd does not take ${name === "" ? "the name of the image" : JSON.stringify(name)}`,
    consequence: "nobody is asked for it",
    fix: "correct the name in the pod: host/repository:tag, lower case, no scheme",
  }),
  "pull-cancelled": () => ({
    cause: "the pull was cancelled while it waited; the text does not say for whom",
    consequence: "no later host was asked",
    fix: "mirrorlet explain IMAGE shows which host does not answer; take it out, or write dial_timeout for it (containerd 2.1); image_pull_progress_timeout has to be longer than all waiting",
  }),
};

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

function badFile(what: string, file: string, fix: string): NodeWords {
  return {
    cause: `${what} that hosts.toml names cannot be used: ${file === "" ? "the system's own pool" : file}`,
    consequence: "every pull of that registry fails, the fallback to other hosts included",
    fix: `${fix}; relative paths start at the directory of the hosts.toml`,
    where: atPath(file.startsWith("/") ? file : HOSTS),
  };
}
