import type { NodeFiles } from "../../../support/doctored-node.ts";

/** Trees below certs.d on which all is right, in the forms in which tools write them. */
export const GOOD_TREES: readonly NodeFiles[] = [
  {
    "gcr.io/hosts.toml": `server = "https://gcr.io"

[host."https://mirror.corp/v2/gcr"]
  capabilities = ["pull", "resolve"]
  override_path = true

[host."http://10.0.0.1:5000"]
  capabilities = ["pull", "resolve"]
`,
    "registry.corp_5000_/hosts.toml": `server = "https://mirror.corp"

[host."https://mirror.corp"]
  capabilities = ["pull", "resolve"]
`,
  },
  {
    "docker.io/hosts.toml": `server = "https://registry-1.docker.io/v2"
capabilities = ["pull", "resolve", "push"]

[host]
[host."https://mirror.corp:5443/v2"]
  capabilities = ["pull", "resolve"]
  skip_verify = true
`,
    "quay.io/hosts.toml": `[host."http://127.0.0.1:30020"]
capabilities = ["pull", "resolve"]
[host."http://127.0.0.1:30021"]
capabilities = ["pull", "resolve"]
`,
    "_default/hosts.toml": `[host."http://127.0.0.1:30020"]
capabilities = ["pull", "resolve"]
`,
  },
];

/** Reproducible: the same seed, the same numbers from 0 to below 1 (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Pick = <T>(items: readonly T[]) => T;

/** Each breaks one file, by its text or by its place, the way that people and scripts do. */
export const MUTATIONS: Readonly<Record<string, (tree: NodeFiles, pick: Pick) => NodeFiles>> = {
  "a character of the syntax is missing": text((content, pick) => {
    const places = [...content.matchAll(/["[\]=]/g)].map(({ index }) => index);
    const at = pick(places);
    return content.slice(0, at) + content.slice(at + 1);
  }),
  "a line comes twice": text((content, pick) => {
    const lines = content.split("\n");
    const at = pick([...lines.keys()].filter((index) => lines[index] !== ""));
    return lines.toSpliced(at, 0, lines[at] ?? "").join("\n");
  }),
  "two lines are exchanged": text((content, pick) => {
    const lines = content.split("\n");
    const at = pick([...lines.keys()].slice(1));
    return lines.toSpliced(at - 1, 2, lines[at] ?? "", lines[at - 1] ?? "").join("\n");
  }),
  "server is at the end": text((content) => {
    const line = /^server.*\n/m.exec(content)?.[0] ?? "";
    return content.replace(line, "") + line;
  }),
  "a key is misspelt": text((content, pick) => {
    const key = pick([...content.matchAll(/^\s*(\w+) =/gm)].map(([, name = ""]) => name));
    const at = pick([...key].map((_, index) => index));
    return content.replace(key, key.slice(0, at) + key.slice(at + 1));
  }),
  "the host tables are misspelt": text((content, pick) =>
    content.replaceAll("[host", pick(["[hosts", "[Host", "[hots", "[mirror"])),
  ),
  "a boolean is in quotes": text((content) => content.replace(/= true/, '= "true"')),
  "a list is a string": text((content) => content.replace(/= \[("[^\]]*")\]/, '= "pull,resolve"')),
  "a capability is unknown": text((content, pick) =>
    content.replace('"resolve"', pick(['"resolv"', '"fetch"', '"pull,resolve"'])),
  ),
  "a header has two brackets": text((content) => content.replace(/^\[(host\.[^\]]*)\]/m, "[[$1]]")),
  "hosts are inline": text((content) =>
    content.replace(/^\[host\.("[^"]*")\]\n\s*(capabilities = \[[^\]]*\])/m, "host = { $1 = { $2 } }"),
  ),
  "override_path is missing": text((content) => content.replace(/\n\s*override_path.*/, "")),
  "a scheme is in capitals": text((content) =>
    content.replace(/\[host\."(https?)/, (_, scheme: string) => `[host."${scheme.toUpperCase()}`),
  ),
  "a port is no number": text((content) =>
    content.replace(/(\[host\."https?:\/\/[^/":]+)(?::\d+)?/, "$1:50o0"),
  ),
  "a byte order mark is in front": text((content) => `\ufeff${content}`),
  "the file is empty": text(() => ""),
  "the file has another name": place((path, pick) =>
    path.replace(
      /hosts\.toml$/,
      pick(["host.toml", "hosts.tml", "Hosts.toml", "hosts.yaml", "hosts.toml.txt"]),
    ),
  ),
  "the directory has another name": place((path, pick) => {
    const [directory = "", file = ""] = path.split("/");
    const others: readonly string[] = [
      directory.replace(/^docker\.io$/, "registry-1.docker.io"),
      directory.replace(/^docker\.io$/, "index.docker.io"),
      directory.replace(/^_default$/, "default"),
      directory.replace(/_$/, ""),
      `https___${directory}`,
      `${directory}.`,
      `${directory}_443_`.replace(/_5000__443_|_default_443_/, "default"),
    ];
    return `${pick(others.filter((name) => name !== directory))}/${file}`;
  }),
  "the file is one level too deep": place((path) => path.replace("/", "/library/")),
  "the file lies beside the directories": place((path) =>
    `${path.split("/")[0]}.toml`.replace("_5000_", ":5000"),
  ),
  "the directory is in another": place((path) => `certs.d/${path}`),
  "the directory is a link to nothing": (tree, pick) => {
    const path = pick(Object.keys(tree));
    const { [path]: _, ...rest } = tree;
    return { ...rest, [path.split("/")[0] ?? ""]: { link: "/nowhere" } };
  },
  "an empty directory comes first": (tree, pick) => {
    const path = pick(Object.keys(tree));
    const name = path.split("/")[0] ?? "";
    const { [path]: content, ...rest } = tree;
    const [host, port] = [name.replace(/_\d+_$/, ""), /_(\d+)_$/.exec(name)?.[1]];
    return port === undefined
      ? { ...tree, "k8s.gcr.io": undefined }
      : { ...rest, [`${host}:${port}/hosts.toml`]: content, [name]: undefined };
  },
  "a CA is missing": text((content) => content.replace(/(\[host\."https[^\]]*\])/, '$1\nca = "ca.crt"')),
};

function text(mutate: (content: string, pick: Pick) => string) {
  return (tree: NodeFiles, pick: Pick): NodeFiles => {
    const path = pick(Object.keys(tree));
    const content = tree[path];
    return { ...tree, [path]: typeof content === "string" ? mutate(content, pick) : content };
  };
}

function place(move: (path: string, pick: Pick) => string) {
  return (tree: NodeFiles, pick: Pick): NodeFiles => {
    const path = pick(Object.keys(tree));
    const { [path]: content, ...rest } = tree;
    return { ...rest, [move(path, pick)]: content };
  };
}
