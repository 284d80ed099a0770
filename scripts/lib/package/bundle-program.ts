import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { type BuildOptions, build, type Plugin } from "esbuild";
import protobuf from "protobufjs";
import { ETCD_PROTOCOL_FILE } from "../../../src/fleet/engine/etcd/read-protocol.ts";
import { PROTOCOL_FILES } from "../../../src/host/load-protocols.ts";
import { FEED_PROTOCOL_FILE } from "../../../src/shared/feed/read-protocol.ts";

/** The runtime that is shipped: newer syntax than this need not be rewritten. */
const TARGET = "node24";

const COMMON: BuildOptions = {
  bundle: true,
  platform: "node",
  format: "esm",
  target: TARGET,
  // Names stay: they are in the stacks of bug reports.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "none",
  logLevel: "warning",
  // CommonJS packages in it call `require` for Node's own modules.
  banner: {
    js: 'import{createRequire as createRequireOfBundle}from"node:module";const require=createRequireOfBundle(import.meta.url);',
  },
};

/**
 * The program in `directory`: main.js with what single commands load beside it in lib/, so that `version` does not
 * read the agent; witness-worker.js and, where the sources have one, helper.js, each whole in one file.
 * Returns the folders of the npm packages that went in.
 */
export async function bundleProgram(directory: string, version: string): Promise<readonly string[]> {
  const plugins = [embed(version)];
  const builds: BuildOptions[] = [
    {
      entryPoints: { main: "src/main.ts" },
      splitting: true,
      chunkNames: "lib/[name]-[hash]",
      outdir: directory,
    },
    { entryPoints: { "witness-worker": "src/program/witness-worker.ts" }, outdir: directory },
  ];
  if (existsSync("src/helper.ts"))
    builds.push({ entryPoints: { helper: "src/helper.ts" }, outdir: directory });
  const results = await Promise.all(
    builds.map((one) => build({ ...COMMON, ...one, plugins, metafile: true })),
  );
  const inputs = results.flatMap(({ metafile }) => Object.keys(metafile?.inputs ?? {}));
  const packages = inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(packages)].sort();
}

/** The modules that find files beside themselves in a checkout have what they would find written into them. */
function embed(version: string): Plugin {
  const replaced: Readonly<Record<string, () => string>> = {
    "src/cli/read-version.ts": () => `export const readVersion = () => ${JSON.stringify(version)};`,
    "src/host/load-protocols.ts": embedProtocols,
    "src/fleet/engine/etcd/read-protocol.ts": embedEtcdProtocol,
    "src/shared/feed/read-protocol.ts": embedFeedProtocol,
    "src/program/witness-worker-file.ts": () =>
      'export const witnessWorkerFile = () => new URL("../witness-worker.js", import.meta.url);',
  };
  return {
    name: "embed",
    setup({ onLoad }) {
      for (const [path, contents] of Object.entries(replaced))
        onLoad({ filter: new RegExp(`/${path.replaceAll(".", "\\.")}$`) }, () => ({
          contents: contents(),
          loader: "ts",
          resolveDir: join(process.cwd(), path, ".."),
        }));
    },
  };
}

function embedProtocols(): string {
  return `
    const protocols = ${protocolsAsJson(PROTOCOL_FILES)};
    export const loadProtocols = async ({ fromJSON }) => fromJSON(protocols, { defaults: true, longs: Number });`;
}

function embedEtcdProtocol(): string {
  return `
    import { fromJSON } from "@grpc/proto-loader";
    const protocol = ${protocolsAsJson([ETCD_PROTOCOL_FILE])};
    export const readEtcdProtocol = async () => fromJSON(protocol, { defaults: true, longs: Number, enums: String });`;
}

function embedFeedProtocol(): string {
  return `
    import { fromJSON } from "@grpc/proto-loader";
    const protocol = ${protocolsAsJson([FEED_PROTOCOL_FILE])};
    export const readFeedProtocol = async (options) => fromJSON(protocol, options);`;
}

function protocolsAsJson(files: readonly string[]): string {
  const root = new protobuf.Root();
  root.loadSync(files.map((path) => join("proto", basename(path))));
  return JSON.stringify(root.toJSON());
}
