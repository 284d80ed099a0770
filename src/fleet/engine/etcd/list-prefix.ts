import type { CallOptions, Entry, Listing } from "../engine.ts";
import { EngineError } from "../engine-error.ts";
import { ENGINE_LIMITS } from "../engine-limits.ts";
import type { EtcdLink } from "./etcd-link.ts";
import { type RangeReply, rangeOf } from "./messages.ts";
import { toEntry } from "./to-entry.ts";

/**
 * Page by page, all at the revision of the first. A page that is more than a message may hold is asked for again as a
 * smaller one; when the revision is compacted away meanwhile all is asked for again.
 */
export async function listPrefix(link: EtcdLink, prefix: string, options?: CallOptions): Promise<Listing> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listOnce(link, prefix, options);
    } catch (error) {
      const isCompacted = error instanceof EngineError && error.message.includes("has been compacted");
      if (!isCompacted || attempt === 3) throw error;
    }
  }
}

async function listOnce(link: EtcdLink, prefix: string, options?: CallOptions): Promise<Listing> {
  const { key: first, rangeEnd } = rangeOf(prefix);
  const entries: Entry[] = [];
  let [key, revision, limit, bytes] = [first, 0, MOST_KEYS, 0];
  for (;;) {
    const request = { key, rangeEnd, revision, limit };
    const page = await askForPage(link, request, options);
    if (page === undefined) {
      limit = Math.ceil(limit / 8);
      continue;
    }
    revision ||= page.header.revision;
    for (const kv of page.kvs) {
      entries.push(toEntry(kv));
      bytes += kv.key.length + kv.value.length;
    }
    if (bytes > ENGINE_LIMITS.listBytes)
      throw new EngineError("too-large", `more than ${ENGINE_LIMITS.listBytes} bytes below ${prefix}`);
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return { revision, entries };
    key = Buffer.concat([last.key, Buffer.of(0)]);
  }
}

const MOST_KEYS = 4_096;

async function askForPage(
  link: EtcdLink,
  request: { readonly limit: number },
  options: CallOptions | undefined,
): Promise<RangeReply | undefined> {
  try {
    return await link.call<RangeReply>("KV/Range", request, "read", options);
  } catch (error) {
    if (error instanceof EngineError && error.code === "too-large" && request.limit > 1) return undefined;
    throw error;
  }
}
