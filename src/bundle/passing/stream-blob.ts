import type { Lane } from "../../core/bundle/push/lanes.ts";
import type { PartEnd } from "../../core/bundle/push/push-event.ts";
import { createDigester } from "../read/digest-stream.ts";
import { headBlob } from "../registry/blobs.ts";
import { endsAll } from "../registry/ends-all.ts";
import { isChoking } from "../registry/retrier.ts";
import { uploadPassing } from "../registry/upload-passing.ts";
import { trackBlob } from "../upload/blob-transfer.ts";
import { BadBlobError, damagedBlob } from "../upload/verified-bytes.ts";
import type { BlobWay, PassContext, PassingBlob, PassingBlobSink } from "./hold-blob.ts";
import { PassedByError } from "./passed-by.ts";
import { createRelay, type Relay } from "./relay-bytes.ts";

/**
 * Sends a large blob while it goes by, to the first of its repositories that lets it in: several at a time would wait
 * for each other, and some registries take one upload after the other.
 */
export function streamBlob(context: PassContext, blob: PassingBlob): PassingBlobSink {
  const { digest: promised, size, place } = blob;
  const digester = createDigester(promised?.slice(0, promised.indexOf(":")));
  const relay = createRelay();
  let seen = 0;
  let verdict: { readonly digest: string } | undefined;
  const computed = (): string => {
    if (verdict === undefined) throw new PassedByError(`${place} is not whole`);
    return verdict.digest;
  };

  const send = async (repository: string, lane: Lane, onSent: (bytes: number) => void): Promise<PartEnd> => {
    const { link, retrier, ways, journal, signal } = context;
    signal.throwIfAborted();
    const begin = <T>(work: (failed: number) => Promise<T>): Promise<T> =>
      retrier.run(`${repository}: ${place}`, work, lane);
    const hint = promised === undefined ? undefined : journal.find(promised, repository);
    const asks = promised !== undefined && (hint === undefined || journal.has(repository, promised));
    if (promised !== undefined) journal.note(repository, promised);
    if (asks && (await begin(() => headBlob(link, repository, promised)))) return "there";
    const upload = {
      repository,
      digest: promised,
      size,
      from: hint,
      bytes: () => lastWhenRight(relay),
      isWhole: () => !relay.hasBegun(),
      computed,
      onSent,
    };
    return uploadPassing(link, upload, ways, begin);
  };
  const sendToOne = async (lane: Lane): Promise<string> => {
    for (const [at, repository] of blob.repositories.entries()) {
      const about = { digest: promised ?? place, size };
      try {
        await trackBlob(context, repository, about, (onSent) => send(repository, lane, onSent));
        return repository;
      } catch (error) {
        // Bytes that have gone by are not tried again here, so that nobody else says so.
        if (relay.hasBegun() && isChoking(error)) lane.choked();
        const isLast = at === blob.repositories.length - 1;
        if (isLast || relay.hasBegun() || context.signal.aborted || endsAll(error)) throw error;
      }
    }
    throw new Error(`${place} is wanted nowhere`);
  };
  const sent = context.lanes.run(sendToOne).finally(relay.close);
  sent.catch(() => {}); // Told at the end.

  return {
    async write(chunk) {
      seen += chunk.length;
      digester.update(chunk);
      await relay.write(chunk);
    },
    end() {
      const digest = digester.digest();
      const bad = seen < size ? cutOff(place, seen, size) : wrongDigest(place, promised, digest);
      if (bad === undefined) verdict = { digest };
      relay.end(bad);
      return sent.then((repository): BlobWay => {
        // What the repository has had before is right, also where the bytes that went by were not.
        if (bad !== undefined) throw bad;
        context.journal.note(repository, digest);
        return { digest, repositories: [repository] };
      });
    },
    abort() {
      relay.end(new BadBlobError(`${place}: the stream is broken`));
    },
  };
}

function cutOff(place: string, seen: number, size: number): BadBlobError {
  return new BadBlobError(`${place} ends after ${seen} of ${size} bytes`);
}

function wrongDigest(place: string, promised: string | undefined, digest: string): BadBlobError | undefined {
  return promised === undefined || promised === digest ? undefined : damagedBlob(place, promised);
}

/** The last piece only when the end has been seen to be right. */
async function* lastWhenRight(relay: Relay): AsyncGenerator<Uint8Array, void> {
  let held: Uint8Array | undefined;
  for await (const chunk of relay.bytes()) {
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (held !== undefined) yield held;
}
