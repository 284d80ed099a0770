import { stat } from "node:fs/promises";
import { addAbortSignal, type Readable } from "node:stream";
import { type AssembledBundle, assembleBundle } from "../../core/bundle/assemble-bundle.ts";
import { BundleError } from "../../core/bundle/bundle-error.ts";
import { createEntryBudget } from "../../core/bundle/collect-scan.ts";
import type { Problem } from "../../core/bundle/gathered.ts";
import { recogniseNature } from "../../core/bundle/recognise-nature.ts";
import type { Location, Nature, Scan } from "../../core/bundle/scan.ts";
import { BLOCK } from "../../core/bundle/tar/parse-header.ts";
import { type AnswerSources, runAssembly } from "./answer-asks.ts";
import { createByteFeed } from "./byte-feed.ts";
import { digestOf } from "./digest-stream.ts";
import { findParts, type PartedFile } from "./find-parts.ts";
import type { KeptMembers, TakeContent } from "./kept-members.ts";
import { unreadable } from "./read-error.ts";
import { createFileReader, streamFile } from "./read-files.ts";
import { scanCompressed, scanPlain } from "./scan-compressed.ts";
import { scanFile } from "./scan-file.ts";
import { scanFolder } from "./scan-folder.ts";

/** A bundle of which is known what it holds. */
export interface OpenedBundle {
  readonly bundle: AssembledBundle;
  /** What is still known of content that has gone by. */
  readonly kept: KeptMembers;
  /** For people: `folder`, `tar`, `tar, compressed by xz`. */
  readonly container: string;
}

export interface OpenOptions {
  /** Where `-` reads from. */
  readonly stdin: Readable;
  /** Compute the digest of all that can be read once only. */
  readonly hashAll: boolean;
  /**
   * Bytes that have been read of a source that is read once, and how many it has; undefined: nobody knows. Of one at rest,
   * those that had to be read through to know their digests, and never how many there will be.
   */
  readonly onProgress?: (done: number, total: number | undefined) => void;
  /** Gets the content of files that go by in a stream. */
  readonly take?: TakeContent;
  /** Ends reading, also where it waits for a stream. */
  readonly signal?: AbortSignal;
}

/**
 * Finds out what a source holds: a folder, an archive, a compressed one, or any of the archives on standard input (`-`).
 * Files at rest are not read through, but for content whose digest its name does not tell; all else is, once, and nothing is put on disk. Throws BundleError.
 */
export async function openBundle(source: string, options: OpenOptions): Promise<OpenedBundle> {
  const files = createFileReader();
  const { hashAll, take } = options;
  let done = 0;
  const sources: AnswerSources = {
    files,
    kept: new Map(),
    budget: createEntryBudget(),
    hashAll,
    take,
    onReadThrough(bytes) {
      done += bytes;
      options.onProgress?.(done, undefined);
    },
  };
  try {
    const { scan, container, passedOver = [] } = await scanSource(source, options, sources);
    const bundle = await runAssembly(assembleBundle(scan, digestOf), sources);
    const problems = [...bundle.problems, ...passedOver.map(notRead)];
    return { bundle: { ...bundle, problems }, kept: sources.kept, container };
  } finally {
    await files.close();
  }
}

interface Scanned {
  readonly scan: Scan;
  readonly container: string;
  readonly passedOver?: readonly string[];
}

function notRead(folder: string): Problem {
  const message = `${folder}: no permission to read it: it is passed over`;
  return { severity: "warning", code: "passed-over", message };
}

async function scanSource(source: string, options: OpenOptions, sources: AnswerSources): Promise<Scanned> {
  if (source === "-") return scanOnce(options.stdin, "standard input", undefined, options, sources);
  const parted = await findParts(source);
  if (parted !== undefined) return scanParts(parted, options, sources);
  const stats = await stat(source).catch((error) => {
    throw unreadable(source, error);
  });
  const { budget, files } = sources;
  if (stats.isDirectory()) return { ...(await scanFolder(source, budget, files)), container: "folder" };
  const at = { path: source, offset: 0 };
  if (!stats.isFile()) return scanOnce(streamFile(at, 0), source, undefined, options, sources);
  const nature = recogniseNature(await files.read(at, 0, BLOCK));
  if (nature !== "tar") return scanOnce(streamFile(at, 0), source, stats.size, options, sources);
  return { scan: await scanFile(files, at, stats.size, source, budget), container: "tar" };
}

async function scanParts(
  { base, parts, size }: PartedFile,
  options: OpenOptions,
  sources: AnswerSources,
): Promise<Scanned> {
  const { budget, files } = sources;
  const at: Location = { path: base, offset: 0, parts };
  const isPlain = recogniseNature(await files.read(at, 0, BLOCK)) === "tar";
  const { scan, container } = isPlain
    ? { scan: await scanFile(files, at, size, base, budget), container: "tar" }
    : await scanOnce(streamFile(at, 0), base, size, options, sources);
  return { scan, container: `${container}, in ${parts.length} part${parts.length === 1 ? "" : "s"}` };
}

async function scanOnce(
  stream: Readable,
  name: string,
  total: number | undefined,
  { onProgress, signal }: OpenOptions,
  sources: AnswerSources,
): Promise<Scanned> {
  if (signal !== undefined) addAbortSignal(signal, stream);
  const bytes = counted(stream, name, (done) => onProgress?.(done, total));
  const feed = createByteFeed(bytes);
  const nature = recogniseNature(await feed.peek(BLOCK));
  if (nature === "other") {
    stream.destroy();
    throw new BundleError("unknown", `${name}: no bundle: neither a tar archive nor one by gzip, xz or zstd`);
  }
  const scan = await (nature === "tar"
    ? scanPlain(feed, name, { ...sources, depth: 0 })
    : scanCompressed(nature, feed.content(Number.MAX_SAFE_INTEGER), name, { ...sources, depth: 0 }));
  if (scan === undefined) throw new BundleError("unknown", `${name}: no bundle`);
  return { scan, container: containerName(nature) };
}

function containerName(nature: Nature): string {
  return nature === "tar" ? "tar" : `tar, compressed by ${nature}`;
}

async function* counted(
  stream: Readable,
  name: string,
  count: (done: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let done = 0;
  try {
    for await (const chunk of stream) {
      done += (chunk as Uint8Array).length;
      count(done);
      yield chunk as Uint8Array;
    }
  } catch (error) {
    throw unreadable(name, error);
  }
}
