import { type FeedConfigResult, parseFeedConfig } from "../core/feed-config/parse-feed-config.ts";
import { readInputFile } from "../edge/read-input-file.ts";

const usualPath = "/etc/mirrorlet/feed.toml";
const maxBytes = 2 ** 20;

export interface LoadFeedConfigOptions {
  readonly root: string;
  /** Undefined: the usual place, where it may be missing. */
  readonly config?: string | undefined;
  readonly engine?: string | undefined;
  readonly fleet?: string | undefined;
  readonly set?: readonly string[] | undefined;
}

/** Reads feed.toml and merges it with the environment and options. A file that somebody else could write is refused. */
export async function loadFeedConfig(options: LoadFeedConfigOptions): Promise<FeedConfigResult> {
  const { root, engine, fleet, set } = options;
  const config = options.config ?? process.env["MIRRORLET_FEED_CONFIG"];
  const name = config ?? usualPath;
  const isAbsolute = name.startsWith("/");
  const path = isAbsolute ? name : `${process.cwd()}/${name}`;
  const sources = { env: process.env, engine, fleet, set };
  const read = await readInputFile(path, { root: isAbsolute ? root : "", trust: "owner", maxBytes });
  if (read.ok)
    return parseFeedConfig({ ...sources, file: { name, text: new TextDecoder().decode(read.bytes) } });
  if (config === undefined && read.issue.code === "file-missing") return parseFeedConfig(sources);
  return { ok: false, issues: [{ ...read.issue, at: { ...read.issue.at, file: name } }] };
}
