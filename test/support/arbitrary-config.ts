import fc from "fast-check";

/** A config.toml that the release starts on, with a registry section in any of the ways people write one. */
export interface GeneratedConfig {
  readonly text: string;
  readonly release: string;
}

export function arbitraryConfig(): fc.Arbitrary<GeneratedConfig> {
  return fc
    .constantFrom(...releases)
    .chain((target) => fc.record({ ...parts, target: fc.constant(target) }))
    .map(({ target, ...rest }) => ({ text: compose({ ...rest, target }), release: target.release }));
}

const grpc = '"io.containerd.grpc.v1.cri"';
const images = "'io.containerd.cri.v1.images'";

const releases = [
  { release: "1.6.20", version: "version = 2\n", plugin: grpc },
  { release: "1.7.24", version: "version = 2 # schema\n", plugin: grpc },
  { release: "1.7.24", version: "", plugin: "cri" },
  { release: "2.1.9", version: "version=2\n", plugin: grpc },
  { release: "2.1.9", version: "version = 3\n", plugin: images },
  { release: "2.1.9", version: "", plugin: images },
  { release: "2.2.7", version: "version = 3\n", plugin: images },
  { release: "2.3.4", version: "version = 4\n", plugin: images },
] as const;

interface Parts {
  readonly target: (typeof releases)[number];
  readonly style: "none" | "empty" | "header" | "implicit" | "dotted" | "inline";
  readonly configPath: string | undefined;
  readonly mirrors: "none" | "tables" | "values" | "whole";
  readonly tls: boolean;
  readonly auth: boolean;
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly indent: boolean;
  readonly blankLines: boolean;
  readonly crlf: boolean;
  readonly endsWithNewline: boolean;
  readonly plugins: boolean;
}

const foreign = fc.subarray(
  [
    '[debug]\n  level = "info" # not "trace"\n',
    "# floats stay floats\n[plugins.'io.containerd.gc.v1.scheduler']\n  pause_threshold = 1.0\n  startup_delay = \"100ms\"\n",
    "[plugins.\"io.containerd.internal.v1.opt\"]\n\tpath = '/opt/containerd'\n",
    '[timeouts]\n"io.containerd.timeout.shim.cleanup" = """5s"""\n',
    '[cgroup]\npath = ""\n# config_path = "/not/this"\n',
    '[metrics]\n  address = "127.0.0.1:1338"\n\n\n',
    '[proxy_plugins.stargz]\n  type = "snapshot"\n  exports = { root = "/r", n = "[x]" }\n',
  ],
  { maxLength: 4 },
);

const parts: { [K in Exclude<keyof Parts, "target">]: fc.Arbitrary<Parts[K]> } = {
  style: fc.constantFrom("none", "empty", "header", "implicit", "dotted", "inline"),
  configPath: fc.constantFrom(
    undefined,
    '""',
    "''",
    '"/etc/containerd/certs.d"',
    '"/a:/b"',
    "'/other/' # why",
  ),
  mirrors: fc.constantFrom("none", "tables", "values", "whole"),
  tls: fc.boolean(),
  auth: fc.boolean(),
  before: foreign,
  after: foreign,
  indent: fc.boolean(),
  blankLines: fc.boolean(),
  crlf: fc.boolean(),
  endsWithNewline: fc.boolean(),
  plugins: fc.boolean(),
};

function compose(config: Parts): string {
  const after = config.after.filter((block) => !config.before.includes(block));
  // `[plugins]` must come before its sub-tables define it, or not at all.
  const plugins = config.plugins && config.style !== "dotted" ? ["[plugins]\n"] : [];
  const blocks = [config.target.version, ...plugins, ...config.before, ...criBlocks(config), ...after];
  const text = blocks.filter((block) => block !== "").join(config.blankLines ? "\n" : "");
  const shaped = config.crlf ? text.replaceAll("\n", "\r\n") : text;
  return config.endsWithNewline ? shaped : shaped.trimEnd();
}

function criBlocks(config: Parts): readonly string[] {
  const { plugin } = config.target;
  const shift = config.indent ? "  " : "";
  const section = `plugins.${plugin}`;
  const runtime = `${shift}[${section}.containerd]\n${shift}  snapshotter = "overlayfs"\n`;
  const path = config.configPath;
  if (config.style === "none") return [];
  if (config.style === "empty") return [runtime];
  if (config.style === "dotted") {
    const value = path === undefined ? "" : `${plugin}.registry.config_path = ${path}\n`;
    return [`[plugins]\n${plugin}.stream_server_port = "0"\n${plugin}.registry.headers.X = ["1"]\n${value}`];
  }
  if (config.style === "inline") {
    const value = path === undefined ? "" : `config_path = ${path.replace(/ #.*/, "")}`;
    return [`${shift}[${section}]\n${shift}registry = {${value}}\n`, runtime];
  }
  const header = config.style === "header" ? `${shift}[${section}.registry] # registries\n` : "";
  const value = header !== "" && path !== undefined ? `${shift}  config_path = ${path}\n` : "";
  const tables = [
    ...mirrorBlocks(config, `${section}.registry`, shift, header !== ""),
    ...hostBlocks(config, section, shift),
  ];
  return [runtime, header + value, ...tables];
}

function mirrorBlocks(
  { mirrors, configPath }: Parts,
  registry: string,
  shift: string,
  hasHeader: boolean,
): readonly string[] {
  // Beside a config_path they would keep CRI from loading, which is a case of its own.
  if (hasHeader && configPath !== undefined && !/^(?:""|'')/.test(configPath)) return [];
  const endpoints = '["https://mirror:5000/v2/x", "http://[::1]:80"]';
  if (mirrors === "tables") {
    const table = (name: string): string =>
      `${shift}[${registry}.mirrors.${name}]\n${shift} # first\n${shift}  endpoint = ${endpoints}\n`;
    return [`${shift}[${registry}.mirrors]\n`, table('"docker.io"'), table("'*'")];
  }
  if (mirrors === "values")
    return [`[${registry}.mirrors]\n"gcr.io" = { endpoint = ${endpoints} }\nquay.endpoint = []\n`];
  return mirrors === "whole"
    ? [`[${registry}.mirrors."gcr.io"]\nendpoint = [ # two\n  "https://a",\n  "b:5000" ]\n`]
    : [];
}

function hostBlocks(
  { tls, auth, target, mirrors }: Parts,
  section: string,
  shift: string,
): readonly string[] {
  const host = `${section}.registry.configs."mirror:5000"`;
  const legacy = tls && mirrors !== "none" && target.release.startsWith("1.");
  return [
    ...(legacy
      ? [
          `${shift}[${host}]\n${shift}[${host}.tls]\n${shift}  ca_file = "/ca.crt"\n${shift}  insecure_skip_verify = false\n`,
        ]
      : []),
    ...(auth ? [`${shift}[${host}.auth]\n${shift}  username = "site"\n${shift}  password = 'a\\b'\n`] : []),
  ];
}
