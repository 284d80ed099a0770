import type { Options } from "@grpc/proto-loader";
import type { FeedDefinition } from "./generated/mirrorlet/feed/v1/Feed.ts";
import { readFeedProtocol } from "./read-protocol.ts";

/**
 * How messages look to the code; `npm run generate:feed` makes the types with the same. Absent fields have their
 * defaults and absent messages are null, 64-bit integers are numbers (whoever reads them looks whether they are safe),
 * enums are their names, and `message` names the one of a oneof that is there.
 */
const OPTIONS: Options = { defaults: true, oneofs: true, longs: Number, enums: String };

/** The service of proto/feed.proto, for both ends. */
export async function loadFeedService(): Promise<FeedDefinition> {
  const protocol = await readFeedProtocol(OPTIONS);
  return protocol["mirrorlet.feed.v1.Feed"] as unknown as FeedDefinition;
}
