import { CERTS_D, CONFIG, goodConfig, type NodeFiles } from "./doctored-node.ts";

/** A good tree after one thing that people do to trees, which leaves to be seen what was meant. */
export interface BrokenTree {
  readonly name: string;
  readonly release: string;
  readonly good: NodeFiles;
  readonly broken: NodeFiles;
  /** Host namespaces of the good tree. */
  readonly namespaces: readonly string[];
}

/** In [0, 1), the same numbers for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** One tree, broken in one way; undefined: the way does not apply to the tree. */
export function breakTree(random: () => number, releases: readonly string[]): BrokenTree | undefined {
  const release = pick(releases, random);
  const { files, namespaces } = goodTree(random, release);
  const [name, mutate] = pick(Object.entries(MUTATIONS), random);
  const target = pick(namespaces, random);
  const broken = mutate({ files, release, random, directory: directoryOf(target) });
  return broken === undefined ? undefined : { name, release, good: files, broken, namespaces };
}

/** A tree with every kind of registry but ghcr.io; gcr.io keeps its upstream closed. */
export function wholeTree(config: string): {
  readonly files: NodeFiles;
  readonly namespaces: readonly string[];
} {
  const namespaces = NAMESPACES.filter((namespace) => namespace !== "ghcr.io");
  const files: Record<string, string> = { [CONFIG]: config };
  for (const namespace of namespaces)
    files[`${directoryOf(namespace)}/hosts.toml`] = hostsToml(namespace, MIRRORS, namespace === "gcr.io");
  return { files, namespaces };
}

/** The tree broken in one way, at the first registry where it applies; undefined: at none. */
export function breakWholeTree(name: string, tree: ReturnType<typeof wholeTree>, release: string) {
  for (const namespace of tree.namespaces) {
    const { files } = tree;
    const broken = MUTATIONS[name]?.({ files, release, random: () => 0, directory: directoryOf(namespace) });
    if (broken !== undefined) return broken;
  }
  return undefined;
}

interface Mutation {
  readonly files: NodeFiles;
  readonly release: string;
  readonly random: () => number;
  /** The registry directory that is hit. */
  readonly directory: string;
}

type Mutate = (mutation: Mutation) => NodeFiles | undefined;

function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)] as T;
}

function directoryOf(namespace: string): string {
  const colon = namespace.lastIndexOf(":");
  const name =
    namespace === "*"
      ? "_default"
      : colon < 0
        ? namespace
        : `${namespace.slice(0, colon)}_${namespace.slice(colon + 1)}_`;
  return `${CERTS_D}/${name}`;
}

const NAMESPACES = [
  "docker.io",
  "gcr.io",
  "quay.io",
  "registry.k8s.io",
  "ghcr.io",
  "registry.corp:5000",
  "*",
];
const UPSTREAMS: Readonly<Record<string, string>> = { "docker.io": "https://registry-1.docker.io" };

function goodTree(random: () => number, release: string) {
  const namespaces = NAMESPACES.filter(() => random() < 0.5);
  if (namespaces.length === 0) namespaces.push("docker.io");
  const files: Record<string, string> = { [CONFIG]: goodConfig(release) };
  for (const namespace of namespaces) {
    const mirrors = MIRRORS.filter(() => random() < 0.6);
    const some = mirrors.length === 0 ? ["https://mirror.corp"] : mirrors;
    files[`${directoryOf(namespace)}/hosts.toml`] = hostsToml(namespace, some, random() < 0.3);
  }
  return { files, namespaces };
}

const MIRRORS = ["http://10.0.0.5:5000", "https://mirror.corp", "https://harbor.corp/v2/cache"];

function hostsToml(namespace: string, mirrors: readonly string[], isClosed: boolean): string {
  const tables = mirrors.map((url) => {
    const extra = url.includes("/v2/") ? "\n  override_path = true" : "";
    return `[host."${url}"]\n  capabilities = ["pull", "resolve"]${extra}\n`;
  });
  const upstream = UPSTREAMS[namespace] ?? `https://${namespace}`;
  const server = isClosed ? "https://mirror.corp" : namespace === "*" ? undefined : upstream;
  return `${server === undefined ? "" : `server = "${server}"\n\n`}${tables.join("\n")}`;
}

/** Changes the text of the hosts.toml that is hit; undefined where there is nothing to change. */
function edit(change: (text: string, mutation: Mutation) => string): Mutate {
  return (mutation) => {
    const path = `${mutation.directory}/hosts.toml`;
    const text = mutation.files[path];
    if (typeof text !== "string") return undefined;
    const changed = change(text, mutation);
    return changed === text ? undefined : { ...mutation.files, [path]: changed };
  };
}

/** Moves everything in the directory that is hit. */
function move(rename: (directory: string) => string): Mutate {
  return ({ files, directory }) => {
    const renamed = rename(directory);
    if (renamed === directory) return undefined;
    return Object.fromEntries(
      Object.entries(files).map(([path, content]) => [
        path.startsWith(`${directory}/`) ? `${renamed}${path.slice(directory.length)}` : path,
        content,
      ]),
    );
  };
}

function renameFile(name: string): Mutate {
  return ({ files, directory }) => {
    const { [`${directory}/hosts.toml`]: text, ...rest } = files;
    return { ...rest, [`${directory}/${name}`]: text };
  };
}

function config(change: (text: string, mutation: Mutation) => string): Mutate {
  return (mutation) => {
    const text = mutation.files[CONFIG];
    if (typeof text !== "string") return undefined;
    const changed = change(text, mutation);
    return changed === text ? undefined : { ...mutation.files, [CONFIG]: changed };
  };
}

const firstHost = /\[host\."([^"]+)"\]/;

function isClosed(text: string): boolean {
  return text.startsWith(`server = "https://mirror.corp"`);
}

/** What people do, by hand, by script and by half a write. */
export const MUTATIONS: Readonly<Record<string, Mutate>> = {
  "a capability is misspelt": edit((text) => text.replace(`"resolve"`, `"resolv"`)),
  "a capability is taken away": edit((text) =>
    isClosed(text) ? text : text.replaceAll(`["pull", "resolve"]`, `["pull"]`),
  ),
  "capabilities is a string": edit((text) => text.replace(`["pull", "resolve"]`, `"pull"`)),
  "a quote is missing": edit((text) => text.replace(`"]\n`, `]\n`)),
  "a bracket is missing": edit((text) => text.replace(firstHost, `[host."$1"`)),
  "an equals sign is missing": edit((text) => text.replace("capabilities =", "capabilities")),
  "the file ends in the middle of a value": edit((text) => text.slice(0, text.lastIndexOf(`"`) - 2)),
  "the file ends after a header's first half": edit((text) => text.slice(0, text.indexOf("[host") + 8)),
  "the file is empty": edit(() => ""),
  "the file has a byte order mark": edit((text) => `\uFEFF${text}`),
  "server stands at the end": edit((text) => {
    const server = /^server = .*\n/.exec(text)?.[0];
    return server === undefined ? text : `${text.slice(server.length)}\n${server}`;
  }),
  "hosts are an inline table": edit((text) => {
    const server = /^server = .*\n/.exec(text)?.[0] ?? "";
    const hosts = [...text.matchAll(/\[host\."([^"]+)"\]/g)].map(
      ([, url]) => `"${url}" = { capabilities = ["pull", "resolve"] }`,
    );
    return `${server}host = { ${hosts.join(", ")} }\n`;
  }),
  "the table is called hosts": edit((text) => text.replaceAll("[host.", "[hosts.")),
  "the table is called mirror": edit((text) => text.replaceAll("[host.", "[mirror.")),
  "the URL is not quoted": edit((text) => text.replace(firstHost, "[host.$1]")),
  "the scheme is left out": edit((text) => text.replace(`[host."http://`, `[host."`)),
  "the scheme is in capitals": edit((text) => text.replace(`[host."https://`, `[host."HTTPS://`)),
  "override_path is left out": edit((text) => text.replace("\n  override_path = true", "")),
  "override_path is a string": edit((text) => text.replace("override_path = true", `override_path = "true"`)),
  "override_path is misspelt": edit((text) => text.replace("override_path", "overide_path")),
  "skip_verify stands at the root": edit((text) =>
    text.includes(`[host."https://`) && !isClosed(text) && !text.includes("registry.corp")
      ? `skip_verify = true\n${text}`
      : text,
  ),
  "skip_verify is a string": edit((text) => text.replace(firstHost, `[host."$1"]\n  skip_verify = "true"`)),
  "a CA file is named that is not there": edit((text) =>
    text.replace(firstHost, `[host."$1"]\n  ca = "ca.crt"`),
  ),
  "a CA file is not PEM": ({ files, directory }) => {
    const path = `${directory}/hosts.toml`;
    const text = files[path];
    if (typeof text !== "string") return undefined;
    const changed = text.replace(firstHost, `[host."$1"]\n  ca = "ca.crt"`);
    return { ...files, [path]: changed, [`${directory}/ca.crt`]: "not a certificate\n" };
  },
  "a client certificate has no key": edit((text) =>
    text.replace(firstHost, `[host."$1"]\n  client = [["client.crt", ""]]`),
  ),
  "a header is a number": edit((text) => `${text}\n[host."https://mirror.corp".header]\n  x-tries = 3\n`),
  "a table is written twice": edit((text) => `${text}\n${firstHost.exec(text)?.[0]}\n`),
  "server is docker.io": edit((text) => text.replace("https://registry-1.docker.io", "https://docker.io")),
  "server has no scheme and begins with http": edit((text) =>
    text.replace(`server = "https://mirror.corp"`, `server = "http-mirror.corp:5000"`),
  ),
  // 2.x takes it, as any other address.
  "the IPv6 address of a mirror": edit((text, { release }) =>
    release.startsWith("1.")
      ? text.replace(`[host."http://10.0.0.5:5000"]`, `[host."http://[fd00::5]:5000"]`)
      : text,
  ),
  "the file is called host.toml": renameFile("host.toml"),
  "the file is called hosts.tml": renameFile("hosts.tml"),
  "the file is called hosts.toml.bak": renameFile("hosts.toml.bak"),
  "the file is called hosts.yaml": renameFile("hosts.yaml"),
  "the file is called Hosts.toml": renameFile("Hosts.toml"),
  "the file lies one level deeper": renameFile("conf/hosts.toml"),
  "hosts.toml is a directory": ({ files, directory }) => {
    const { [`${directory}/hosts.toml`]: text, ...rest } = files;
    return { ...rest, [`${directory}/hosts.toml/hosts.toml`]: text };
  },
  "the directory has a scheme": move((path) => path.replace(/\/([^/]+)$/, "/https:__$1")),
  "the directory has a trailing dot": move((path) => (path.endsWith("_default") ? path : `${path}.`)),
  "the directory is in capitals": move((path) => path.replace(/[^/]+$/, (name) => name.toUpperCase())),
  "the directory is registry-1.docker.io": move((path) =>
    path.replace(/\/docker\.io$/, "/registry-1.docker.io"),
  ),
  "the directory is index.docker.io": move((path) => path.replace(/\/docker\.io$/, "/index.docker.io")),
  "the directory is called default": move((path) => path.replace(/\/_default$/, "/default")),
  "the port is missing": move((path) => path.replace(/_5000_$/, "")),
  "the port has one underscore": move((path) => path.replace(/_5000_$/, "_5000")),
  "the directory lies beside certs.d": move((path) => path.replace("/certs.d/", "/")),
  "an empty directory hides the default": ({ files }) =>
    `${CERTS_D}/_default/hosts.toml` in files && !(`${CERTS_D}/ghcr.io/hosts.toml` in files)
      ? { ...files, [`${CERTS_D}/ghcr.io`]: undefined }
      : undefined,
  "a directory with a CA hides the default": ({ files }) =>
    `${CERTS_D}/_default/hosts.toml` in files && !(`${CERTS_D}/ghcr.io/hosts.toml` in files)
      ? { ...files, [`${CERTS_D}/ghcr.io/ca.crt`]: "" }
      : undefined,
  "the directory is a file": ({ files, directory }) => {
    const { [`${directory}/hosts.toml`]: text, ...rest } = files;
    return { ...rest, [directory]: text };
  },
  "everything lies in another directory": ({ files }) =>
    Object.fromEntries(
      Object.entries(files).map(([path, content]) => [
        path.replace(CERTS_D, "/etc/containerd/registries.d"),
        content,
      ]),
    ),
  "config_path is a list": config((text) => text.replace(`certs.d"`, `certs.d:/etc/docker/certs.d"`)),
  "config_path is misspelt": config((text) => text.replace("config_path", "config-path")),
  "config_path is a list of strings": config((text) =>
    text.replace(/config_path = (".*")/, "config_path = [$1]"),
  ),
  "config_path is relative": config((text) => text.replace(`"/etc`, `"etc`)),
  "config_path names a file": config((text) => text.replace(`certs.d"`, `certs.d/docker.io/hosts.toml"`)),
  "config_path stands one table too high": config((text) => text.replace(".registry]", "]")),
  "config_path is empty": config((text) => text.replace(`"${CERTS_D}"`, `""`)),
  "the version is missing": config((text) => text.replace(/^version.*\n/, "")),
  "the version is another one": config((text) =>
    text.replace(/^version = (\d)/, (_, version) => `version = ${version === "2" ? 3 : 2}`),
  ),
  "the section is of another release": config((text) =>
    text.includes("grpc.v1.cri")
      ? text.replace("io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images")
      : text.replace("io.containerd.cri.v1.images", "io.containerd.grpc.v1.cri"),
  ),
  "the section is the transfer plugin's": config((text) =>
    text.replace(/\[plugins\."[^"]+"\.registry\]/, `[plugins."io.containerd.transfer.v1.local"]`),
  ),
  "old mirrors stand beside config_path": config(
    (text) =>
      `${text}[plugins."${/plugins\."([^"]+)"/.exec(text)?.[1]}".registry.mirrors."docker.io"]\n  endpoint = ["https://mirror.corp"]\n`,
  ),
  "CRI is disabled": config(
    (text) => `disabled_plugins = ["${/plugins\."([^"]+)"/.exec(text)?.[1]}"]\n${text}`,
  ),
  "config.toml has a syntax error": config((text) => text.replace(`"${CERTS_D}"`, CERTS_D)),
};
