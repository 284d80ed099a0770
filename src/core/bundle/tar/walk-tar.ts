import { BundleError, type BundleErrorCode } from "../bundle-error.ts";
import { BUNDLE_LIMITS } from "../bundle-limits.ts";
import { BLOCK, parseHeader, type TarHeader } from "./parse-header.ts";
import { type PaxRecords, parsePax, SPARSE } from "./parse-pax.ts";

/** An entry of an archive. Names are as they stand: nothing has been checked. */
export interface TarEntry {
  readonly name: string;
  readonly linkName: string;
  readonly kind: "file" | "directory" | "symlink" | "hardlink" | "other";
  /** Bytes of content, which the archive may lack. */
  readonly size: number;
  /** Where its first header is, in bytes from the start of the archive. */
  readonly offset: number;
  /** Where its content is. */
  readonly contentAt: number;
}

/** What the walk wants: bytes of the archive, fewer of them where it ends; or that an entry is taken note of. */
export type TarStep =
  | { readonly step: "read"; readonly at: number; readonly length: number }
  | { readonly step: "entry"; readonly entry: TarEntry };

export interface TarEnd {
  /** Behind the blocks that mark the end. */
  readonly at: number;
  /** False: the archive just stops, as one does that was cut off between two entries. */
  readonly isMarked: boolean;
}

type Walk<T> = Generator<TarStep, T, Uint8Array | undefined>;

/**
 * Goes through an archive without reading anything itself, so that it suits files and streams alike: every `read` is for
 * an offset that no read before it was behind. Whoever drives it has to see that content is all there.
 * `archive` is what messages call it. Throws BundleError.
 */
export function* walkTar(archive: string): Walk<TarEnd> {
  for (let at = 0; ; ) {
    const found = yield* readEntry(archive, at);
    if ("isMarked" in found) return found;
    yield { step: "entry", entry: found };
    at = found.contentAt + filled(found.size);
  }
}

/** With the blocks filled up. */
export function filled(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

function* readEntry(archive: string, offset: number): Walk<TarEntry | TarEnd> {
  const before: Before = { pax: {}, longName: undefined, longLink: undefined, bytes: 0, count: 0 };
  for (let at = offset; ; ) {
    const fail = (code: BundleErrorCode, name: string, why: string) =>
      new BundleError(code, `${archive}, ${nameEntry(name, offset)}: ${why}`);
    const block = yield* read(at, BLOCK);
    if (block.length === 0 && at === offset) return { at, isMarked: false };
    if (block.length < BLOCK) throw fail("damaged", "", "the archive is cut off in the middle of a header");
    const parsed = parseHeader(block);
    if (parsed.is === "zero" && at === offset) return yield* readEnd(archive, at);
    if (parsed.is === "zero") throw fail("refused", "", "a header that leads up to an entry has none");
    if (parsed.is === "bad") throw fail("damaged", parsed.name, `the header ${parsed.why}`);
    const { header } = parsed;
    if (!LEADS.has(header.type)) return toEntry(header, before, offset, at + BLOCK, fail);
    const { size, name } = header;
    before.bytes += size;
    before.count += 1;
    if (before.count > BUNDLE_LIMITS.headersBefore)
      throw fail("refused", name, "too many headers lead up to it");
    if (before.bytes > BUNDLE_LIMITS.headerBytes)
      throw fail("refused", name, `the headers that lead up to it have ${before.bytes} bytes`);
    const content = yield* read(at + BLOCK, size);
    if (content.length < size)
      throw fail("damaged", name, "the archive is cut off in the middle of a header");
    const why = takeNote(header, content, before);
    if (why !== undefined) throw fail("refused", name, why);
    at += BLOCK + filled(size);
  }
}

/** What stands before an entry for it: pax headers, long names of GNU. */
interface Before {
  pax: PaxRecords;
  longName: string | undefined;
  longLink: string | undefined;
  bytes: number;
  count: number;
}

const LEADS = new Set(["x", "X", "g", "L", "K"]);

/** Undefined, or what is wrong with it. */
function takeNote({ type }: TarHeader, content: Uint8Array, before: Before): string | undefined {
  if (type === "L" || type === "K") {
    const end = content.indexOf(0);
    const text = decoder.decode(end === -1 ? content : content.subarray(0, end));
    if (type === "L") before.longName = text;
    else before.longLink = text;
    return undefined;
  }
  const pax = parsePax(content);
  if (!pax.ok) return `a pax header ${pax.why}`;
  if (type !== "g") before.pax = { ...before.pax, ...pax.records };
  // Programs do not agree on what such a thing means.
  else if (Object.keys(pax.records).length > 0) return "a pax header for all entries sets their path or size";
  return undefined;
}

const decoder = new TextDecoder();

type Fail = (code: BundleErrorCode, name: string, why: string) => BundleError;

function toEntry(header: TarHeader, before: Before, offset: number, contentAt: number, fail: Fail): TarEntry {
  const { pax, longName, longLink } = before;
  const name = pax.path ?? longName ?? header.name;
  if (
    (pax.path !== undefined && longName !== undefined) ||
    (pax.linkpath !== undefined && longLink !== undefined)
  )
    throw fail("refused", name, "it has two long names, one of pax and one of GNU");
  const linkName = pax.linkpath ?? longLink ?? header.linkName;
  const { type } = header;
  if (type === "S") throw fail("unsupported", name, `its header ${SPARSE}`);
  if (type === "M") throw fail("unsupported", name, "it goes on from another volume; join the volumes first");
  const size = type === "1" ? 0 : (pax.size ?? header.size); // A hard link has no content, whatever size is told.
  const kind = type === "0" && name.endsWith("/") ? "directory" : (KINDS[type] ?? "other");
  if (size > 0 && (kind === "directory" || HAS_NO_CONTENT.has(type)))
    throw fail("refused", name, `it has ${size} bytes of content, where its kind has none`);
  return { name, linkName, kind, size, offset, contentAt };
}

const KINDS: Readonly<Record<string, TarEntry["kind"]>> = {
  "0": "file",
  "1": "hardlink",
  "2": "symlink",
  "5": "directory",
  "7": "file",
};
/** Go reads on behind the header, GNU tar behind the content that the header tells of. */
const HAS_NO_CONTENT = new Set(["2", "3", "4", "5", "6"]);

function* readEnd(archive: string, at: number): Walk<TarEnd> {
  const second = yield* read(at + BLOCK, BLOCK);
  if (second.some((byte) => byte !== 0))
    throw new BundleError(
      "damaged",
      `${archive}, at byte ${at}: a block of zeroes that is neither an entry nor the end; more follows`,
    );
  return { at: at + BLOCK + second.length, isMarked: true };
}

function* read(at: number, length: number): Walk<Uint8Array> {
  const bytes = yield { step: "read", at, length };
  return bytes ?? new Uint8Array();
}

/** `entry "a/b" at byte 512` */
export function nameEntry(name: string, offset: number): string {
  const shown = name.length > 120 ? `${name.slice(0, 119)}…` : name;
  return name === "" ? `at byte ${offset}` : `entry ${JSON.stringify(shown)} at byte ${offset}`;
}
