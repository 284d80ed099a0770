import type { Descriptor, Digest } from "../../core/bundle/bundle.ts";
import type { Lane } from "../../core/bundle/push/lanes.ts";
import type { PartEnd } from "../../core/bundle/push/push-event.ts";
import type { ByteRange } from "../blob-source.ts";
import { headBlob } from "../registry/blobs.ts";
import { uploadBlob } from "../registry/upload-blob.ts";
import type { PushContext } from "./push-context.ts";
import { readBlob, verifiedBytes } from "./verified-bytes.ts";

/**
 * Gets blobs into repositories.
 *
 * - A blob is sent once: the first repository that needs it is its home, the others mount it from there.
 * - What is known is known per repository: that one has a blob says nothing about another.
 * - Who waits for a home holds no lane.
 */
export interface BlobTransfer {
  /** Resolves when the repository has it, with how that came about. */
  ensure(repository: string, blob: Descriptor): Promise<PartEnd>;
  /** The repository has it: an image with it is there. */
  noteThere(repository: string, digest: Digest): void;
}

interface Home {
  readonly repository: string;
  readonly isReady: Promise<boolean>;
}

/** Asking whether something so large is there costs nothing beside sending it; for what is smaller it would. */
export const WORTH_ASKING = 1024 * 1024;

export function createBlobTransfer(context: PushContext): BlobTransfer {
  const present = new Map<string, Promise<PartEnd>>();
  const homes = new Map<Digest, Home>();

  const makeHome = (repository: string, blob: Descriptor): Promise<PartEnd> => {
    // Where a push before this one has put it; if it is not there any more, it is sent in the same request.
    const hint = context.journal.find(blob.digest, repository);
    const done = transferBlob(context, repository, blob, hint);
    const isReady = done.then(
      () => true,
      () => false,
    );
    homes.set(blob.digest, { repository, isReady });
    return done;
  };

  const bring = async (repository: string, blob: Descriptor): Promise<PartEnd> => {
    for (;;) {
      const home = homes.get(blob.digest);
      if (home === undefined) return makeHome(repository, blob);
      if (await home.isReady) return transferBlob(context, repository, blob, home.repository);
      // It did not get there, and that may have been about that repository alone.
      if (homes.get(blob.digest) === home) homes.delete(blob.digest);
    }
  };

  const noteThere = (repository: string, digest: Digest): void => {
    const key = `${repository}@${digest}`;
    if (!present.has(key)) present.set(key, Promise.resolve("there"));
    if (!homes.has(digest)) homes.set(digest, { repository, isReady: Promise.resolve(true) });
  };
  for (const { repository, digest } of context.known ?? []) noteThere(repository, digest);

  return {
    ensure(repository, blob) {
      const key = `${repository}@${blob.digest}`;
      const known = present.get(key) ?? bring(repository, blob);
      present.set(key, known);
      return known;
    },
    noteThere,
  };
}

/** Sends a blob, or has it mounted; `from`: a repository that may have it. */
export function transferBlob(
  context: PushContext,
  repository: string,
  blob: Descriptor,
  from?: string,
): Promise<PartEnd> {
  return context.lanes.run(async (lane) => {
    context.signal.throwIfAborted();
    return trackBlob(context, repository, blob, (onSent) =>
      send(context, { repository, blob, from, lane, onSent }),
    );
  });
}

/** Tells of a blob on its way. */
export async function trackBlob(
  { emit }: Pick<PushContext, "emit">,
  repository: string,
  { digest, size }: Pick<Descriptor, "digest" | "size">,
  transfer: (onSent: (bytes: number) => void) => Promise<PartEnd>,
): Promise<PartEnd> {
  emit({ kind: "blob-begin", repository, digest, size });
  const meter = createMeter((bytes) => emit({ kind: "blob-sent", repository, digest, bytes }));
  let end: PartEnd | undefined;
  try {
    end = await transfer(meter.note);
    return end;
  } finally {
    emit({ kind: "blob-end", repository, digest, size, end, sentBytes: meter.total() });
  }
}

interface Sending {
  readonly repository: string;
  readonly blob: Descriptor;
  readonly from: string | undefined;
  readonly lane: Lane;
  readonly onSent: (bytes: number) => void;
}

function send(context: PushContext, { repository, blob, from, lane, onSent }: Sending): Promise<PartEnd> {
  const { link, retrier, ways, source, deep, journal } = context;
  const { digest, size } = blob;
  const isNoted = journal.has(repository, digest);
  journal.note(repository, digest);
  const open = (range?: ByteRange): AsyncIterable<Uint8Array> =>
    range === undefined ? verifiedBytes(source, digest, size) : readBlob(source, digest, range);
  const verify = async (): Promise<void> => {
    for await (const _ of verifiedBytes(source, digest, size));
  };
  return retrier.run(
    `${repository}: ${digest}`,
    async (failed) => {
      // The answer to what was sent before may be all that got lost.
      const mayBeThere = failed > 0 || deep || isNoted;
      const asks = mayBeThere || (from === undefined && size >= WORTH_ASKING);
      if (asks && (await headBlob(link, repository, digest))) return "there";
      return uploadBlob(link, { repository, digest, size, from, open, verify, onSent }, ways, failed);
    },
    lane,
  );
}

/** Adds up what goes out in several tries, each of which counts from the start. */
function createMeter(onSent: (bytes: number) => void) {
  let before = 0;
  let current = 0;
  return {
    note(bytes: number) {
      if (bytes < current) before += current;
      current = bytes;
      onSent(bytes);
    },
    total: () => before + current,
  };
}
