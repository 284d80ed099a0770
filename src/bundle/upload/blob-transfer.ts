import type { Descriptor, Digest } from "../../core/bundle/bundle.ts";
import type { Lane } from "../../core/bundle/push/lanes.ts";
import type { PartEnd } from "../../core/bundle/push/push-event.ts";
import type { ByteRange } from "../blob-source.ts";
import { headBlob } from "../registry/blobs.ts";
import { ExhaustedError } from "../registry/retrier.ts";
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
  readonly end: Promise<HomeEnd>;
}

/** `final`: the failure is none of that repository alone. */
type HomeEnd = { readonly ok: true } | { readonly ok: false; readonly final: ExhaustedError | undefined };

const READY: Promise<HomeEnd> = Promise.resolve({ ok: true });

/** Of blobs that wait for a lane: `end` is why there is no use in sending them. */
interface Outlook {
  end: ExhaustedError | undefined;
}

/** Asking whether something so large is there costs nothing beside sending it; for what is smaller it would. */
export const WORTH_ASKING = 1024 * 1024;

export function createBlobTransfer(context: PushContext): BlobTransfer {
  const present = new Map<string, Promise<PartEnd>>();
  const homes = new Map<Digest, Home>();
  const outlook: Outlook = { end: undefined };
  const transfer = (repository: string, blob: Descriptor, from: string | undefined): Promise<PartEnd> =>
    transferBlob(context, repository, blob, from, outlook);

  const makeHome = (repository: string, blob: Descriptor): Promise<PartEnd> => {
    // Where a push before this one has put it; if it is not there any more, it is sent in the same request.
    const hint = context.journal.find(blob.digest, repository);
    const done = transfer(repository, blob, hint);
    const end = done.then(
      (): HomeEnd => ({ ok: true }),
      (error: unknown): HomeEnd => ({
        ok: false,
        final: error instanceof ExhaustedError ? error : undefined,
      }),
    );
    homes.set(blob.digest, { repository, end });
    return done;
  };

  const bring = async (repository: string, blob: Descriptor): Promise<PartEnd> => {
    const givenUp = context.givenUp?.(blob.digest);
    if (givenUp !== undefined) throw givenUp;
    for (;;) {
      const home = homes.get(blob.digest);
      if (home === undefined) return makeHome(repository, blob);
      const end = await home.end;
      if (end.ok) return transfer(repository, blob, home.repository);
      // It was sent as often as makes sense: another repository would take minutes to find the same.
      if (end.final !== undefined) throw end.final;
      // It did not get there, and that may have been about that repository alone.
      if (homes.get(blob.digest) === home) homes.delete(blob.digest);
    }
  };

  const noteThere = (repository: string, digest: Digest, end: PartEnd = "there"): void => {
    const key = `${repository}@${digest}`;
    if (!present.has(key)) present.set(key, Promise.resolve(end));
    if (!homes.has(digest)) homes.set(digest, { repository, end: READY });
  };
  for (const { repository, digest, isNew } of context.known ?? [])
    noteThere(repository, digest, isNew ? "uploaded" : "there");

  return {
    ensure(repository, blob) {
      const key = `${repository}@${blob.digest}`;
      const known = present.get(key) ?? bring(repository, blob);
      present.set(key, known);
      return known;
    },
    noteThere: (repository, digest) => noteThere(repository, digest),
  };
}

/** Sends a blob, or has it mounted; `from`: a repository that may have it. */
export function transferBlob(
  context: PushContext,
  repository: string,
  blob: Descriptor,
  from?: string,
  outlook: Outlook = { end: undefined },
): Promise<PartEnd> {
  return context.lanes.run(async (lane) => {
    context.signal.throwIfAborted();
    if (outlook.end !== undefined) throw outlook.end;
    try {
      return await trackBlob(context, repository, blob, (onSent) =>
        send(context, { repository, blob, from, lane, onSent }),
      );
    } catch (error) {
      if (error instanceof ExhaustedError && error.endsPush) outlook.end = error;
      throw error;
    }
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
