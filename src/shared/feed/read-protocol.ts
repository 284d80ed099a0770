import { join } from "node:path";
import { load, type Options, type PackageDefinition } from "@grpc/proto-loader";

/** Found from src/shared/feed and from dist/shared/feed alike. */
export const FEED_PROTOCOL_FILE = join(import.meta.dirname, "../../../proto/feed.proto");

/** In the package the protocol is part of the program and not read from a file. */
export function readFeedProtocol(options: Options): Promise<PackageDefinition> {
  return load(FEED_PROTOCOL_FILE, options);
}
