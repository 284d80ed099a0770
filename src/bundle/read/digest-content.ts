import { BundleError } from "../../core/bundle/bundle-error.ts";
import { recogniseNature } from "../../core/bundle/recognise-nature.ts";
import type { MemberDigests } from "../../core/bundle/scan.ts";
import { createByteFeed } from "./byte-feed.ts";
import { decodeStream } from "./decode-stream.ts";
import { createDigester, passThrough } from "./digest-stream.ts";

/** Digests of what comes; `withInner`: also of what is in it, where it is compressed. Throws BundleError. */
export async function digestContent(
  name: string,
  source: AsyncIterable<Uint8Array>,
  { algorithm = "sha256", withInner = false } = {},
): Promise<MemberDigests> {
  const outer = createDigester(algorithm);
  const bytes = passThrough(source, outer);
  if (!withInner) {
    for await (const _ of bytes);
    return { digest: outer.digest() };
  }
  const feed = createByteFeed(bytes);
  const nature = recogniseNature(await feed.peek(16));
  const content = feed.content(Number.MAX_SAFE_INTEGER);
  if (nature === "other" || nature === "tar") {
    for await (const _ of content);
    return { digest: outer.digest() };
  }
  const inner = createDigester();
  const isBroken = await decodeStream(nature, content, { name, mustDrain: true }, async (decoded) => {
    for (let next = await decoded.next(); next.done !== true; next = await decoded.next())
      inner.update(next.value);
    return false;
  }).catch((error) => {
    if (error instanceof BundleError && error.code === "damaged") return true;
    throw error;
  });
  return { digest: outer.digest(), inner: isBroken ? "broken" : inner.digest() };
}
