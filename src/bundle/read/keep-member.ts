import { BundleError } from "../../core/bundle/bundle-error.ts";
import { BUNDLE_LIMITS } from "../../core/bundle/bundle-limits.ts";
import { RECORD_NAME } from "../../core/bundle/dump/bundle-record.ts";
import { field, readJson } from "../../core/bundle/read-json.ts";
import { recogniseNature } from "../../core/bundle/recognise-nature.ts";
import type { Compression, Member, MemberDigests, Scan } from "../../core/bundle/scan.ts";
import { BLOCK } from "../../core/bundle/tar/parse-header.ts";
import { type ByteFeed, createByteFeed } from "./byte-feed.ts";
import { decodeStream } from "./decode-stream.ts";
import { blobAlgorithm, createDigester, passThrough } from "./digest-stream.ts";
import type { ContentSink, KeptMember, StreamScan } from "./kept-members.ts";
import { scanInner } from "./scan-stream.ts";

/** Takes a member's content from the feed, and keeps of it what a bundle is put together from. */
export async function keepMember(
  member: Member,
  feed: ByteFeed,
  scan: StreamScan,
  mayHoldArchives: boolean,
): Promise<void> {
  const head = await feed.peek(Math.min(BLOCK, member.size));
  const nature = recogniseNature(head);
  const algorithm = blobAlgorithm(member.path);
  const isArchive =
    nature !== "other" &&
    algorithm === undefined &&
    mayHoldArchives &&
    scan.depth < BUNDLE_LIMITS.nesting &&
    (scan.hashAll || !/(?:^|\/)[0-9a-f]{64}\.tar\.gz$/.test(member.path)); // A layer by crane, which tells its digest.
  const digester = scan.hashAll || isArchive ? createDigester(algorithm) : undefined;
  const sink = await scan.take?.begin(member, head);
  const content = passTo(passThrough(feed.content(member.size), digester), sink);
  const { inner, ...rest } = await read(
    content,
    sink,
    async (): Promise<Found> =>
      isArchive
        ? lookInside(nature, member, content, scan)
        : { document: await keepDocument(member, head, content, scan) },
  );
  if (rest.document !== undefined) scan.take?.learn?.(member, rest.document);
  const digest = digester?.digest();
  const digests: MemberDigests | undefined =
    digest === undefined ? undefined : { digest, ...(inner === undefined ? {} : { inner }) };
  scan.kept.set(member, { nature, ...defined(rest), ...(digests === undefined ? {} : { digests }) });
}

type Content = AsyncGenerator<Uint8Array, void, undefined>;

async function* passTo(content: Content, sink: ContentSink | undefined): Content {
  for await (const chunk of content) {
    await sink?.write(chunk);
    yield chunk;
  }
}

async function read(
  content: Content,
  sink: ContentSink | undefined,
  find: () => Promise<Found>,
): Promise<Found> {
  try {
    const found = await find();
    for await (const _ of content); // The rest counts for the digest.
    await sink?.end(found.document !== undefined);
    return found;
  } catch (error) {
    sink?.abort();
    throw error;
  }
}

type Found = { document?: Uint8Array | undefined; inside?: KeptMember["inside"]; inner?: string | undefined };

function defined({ document, inside }: Found): Pick<KeptMember, "document" | "inside"> {
  return { ...(document === undefined ? {} : { document }), ...(inside === undefined ? {} : { inside }) };
}

/** Only what may be a list, a manifest or a config; blobs of JSON that are attestations may be many and big. */
async function keepDocument(
  { path, size, place }: Member,
  head: Uint8Array,
  content: AsyncIterable<Uint8Array>,
  scan: StreamScan,
): Promise<Uint8Array | undefined> {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const isList = ["index.json", "manifest.json", RECORD_NAME, "auto.sh"].includes(name);
  const limit = isList ? BUNDLE_LIMITS.listBytes : BUNDLE_LIMITS.documentBytes;
  if (size > limit || !(isList || looksLikeJson(head))) return undefined;
  const parts: Uint8Array[] = [];
  for await (const chunk of content) parts.push(chunk);
  const bytes = Buffer.concat(parts);
  if (!isList && !isOfUse(bytes)) return undefined;
  scan.documents -= size;
  if (scan.documents < 0)
    throw new BundleError("refused", `${place}: manifests of more than ${BUNDLE_LIMITS.keptBytes} bytes`);
  return bytes;
}

function looksLikeJson(head: Uint8Array): boolean {
  const first = head.find((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
  return first === 0x7b;
}

function isOfUse(bytes: Uint8Array): boolean {
  const document = readJson(bytes);
  const keys = ["schemaVersion", "manifests", "layers", "config", "blobs", "rootfs"];
  return keys.some((key) => field(document, key) !== undefined);
}

/**
 * An archive in an archive: images, or a layer, which nobody knows before the end. So what goes wrong with it is kept,
 * for the case that it matters.
 */
async function lookInside(
  nature: "tar" | Compression,
  member: Member,
  content: AsyncGenerator<Uint8Array, void, undefined>,
  scan: StreamScan,
): Promise<Found> {
  try {
    if (nature === "tar") return found(await scanInner(createByteFeed(content), member.place, scan));
    scan.decoders -= 1;
    if (scan.decoders < 0)
      throw new BundleError("refused", `${member.place}: too many archives in the archive`);
    return await decodeStream(nature, content, { name: member.place, mustDrain: true }, (decoded) =>
      lookInsideDecoded(decoded, member.place, scan),
    );
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    const isBroken = nature !== "tar" && error.code === "damaged";
    return { inside: { error: error.message }, ...(isBroken ? { inner: "broken" } : {}) };
  }
}

function found(archive: Scan | undefined): Pick<Found, "inside"> {
  return archive === undefined ? {} : { inside: { archive } };
}

async function lookInsideDecoded(
  decoded: AsyncIterator<Uint8Array>,
  name: string,
  scan: StreamScan,
): Promise<Found> {
  const digester = createDigester();
  const bytes = passThrough({ [Symbol.asyncIterator]: () => decoded }, digester);
  const feed = createByteFeed(bytes);
  const isTar = recogniseNature(await feed.peek(BLOCK)) === "tar";
  let inside: KeptMember["inside"] | undefined;
  try {
    if (isTar) ({ inside } = found(await scanInner(feed, name, scan)));
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    inside = { error: error.message };
  }
  for await (const _ of bytes);
  return { inner: digester.digest(), ...(inside === undefined ? {} : { inside }) };
}
