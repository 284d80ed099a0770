import type { Digest } from "../../core/bundle/bundle.ts";
import type { Member } from "../../core/bundle/scan.ts";
import type { ContentSink, TakeContent } from "../read/kept-members.ts";
import { AnswerError } from "../registry/answer-error.ts";
import { isGone } from "../registry/connect-registry.ts";
import { endsAll } from "../registry/ends-all.ts";
import { mayPass } from "../registry/retrier.ts";
import { BadBlobError } from "../upload/verified-bytes.ts";
import { createByteBudget } from "./byte-budget.ts";
import { type BlobWay, holdBlob, type PassContext, type PassingBlobSink } from "./hold-blob.ts";
import { streamBlob } from "./stream-blob.ts";

/** Where a file that goes by is to be brought as a blob. */
export interface WantedBlob {
  /** Undefined: only its end tells. */
  readonly digest: Digest | undefined;
  /** At least one. */
  readonly repositories: readonly string[];
}

export interface Wants {
  of(member: Member, head: Uint8Array): WantedBlob | undefined | Promise<WantedBlob | undefined>;
  learn?(path: string, document: Uint8Array): void;
}

/** What became of a file that went by. */
export interface Passed {
  readonly digest: Digest | undefined;
  /** Those that have it. */
  readonly repositories: readonly string[];
  readonly failure: unknown;
}

export interface BlobTaker extends TakeContent {
  /** Waits for what is on its way. By the places of files. Rejects with what ends the whole push. */
  settle(): Promise<ReadonlyMap<string, Passed>>;
}

/** What is held in memory, all together; and what of it one blob may have. Larger ones are not held. */
const HELD_BYTES = 24 * 1024 * 1024;
const HELD_MOST = HELD_BYTES / 4;

/**
 * Sends files on while they go by.
 *
 * - Small ones are held and sent beside the stream, again where that fails; large ones go through, and the stream waits.
 * - A digest that is promised is checked before the registry gets the last bytes.
 * - What is there twice is sent once. What is in a file that is sent as a whole is not sent by itself.
 * - One that fails takes nothing else along, unless nobody answers.
 */
export function createBlobTaker(context: PassContext, wants: Wants): BlobTaker {
  const budget = createByteBudget(HELD_BYTES);
  const passed = new Map<string, Passed>();
  const underWay = new Set<Digest>();
  const pending = new Set<Promise<void>>();
  let fatal: unknown;
  let isInside = false;

  const finish = (place: string, wanted: WantedBlob, ending: Promise<BlobWay>): void => {
    const { digest } = wanted;
    if (digest !== undefined) underWay.add(digest);
    const done = ending
      .then(
        (way) => {
          underWay.add(way.digest);
          passed.set(place, { failure: undefined, ...way });
        },
        async (failure: unknown) => {
          if (digest !== undefined) underWay.delete(digest);
          passed.set(place, { digest, repositories: [], failure });
          // What may pass was not tried again where the bytes had gone by.
          const isOwn = failure instanceof BadBlobError || mayPass(failure);
          const isFull = failure instanceof AnswerError && failure.isFull;
          const isOver = isFull || (!isOwn && endsAll(failure));
          if (context.signal.aborted) return;
          if (!isOver && !(await isGone(context.link, failure, wanted.repositories[0] ?? ""))) return;
          fatal = failure;
          context.stop();
        },
      )
      .finally(() => pending.delete(done));
    pending.add(done);
  };
  const throwIfOver = (): void => {
    if (fatal !== undefined) throw fatal;
    context.signal.throwIfAborted();
  };

  return {
    async begin(member, head) {
      throwIfOver();
      if (isInside) return undefined;
      const wanted = await wants.of(member, head);
      if (wanted === undefined) return undefined;
      if (wanted.digest !== undefined && underWay.has(wanted.digest)) return undefined;
      const blob = { ...wanted, size: member.size, place: member.place };
      const sink: PassingBlobSink =
        member.size <= HELD_MOST ? await holdBlob(context, blob, budget) : streamBlob(context, blob);
      throwIfOver();
      isInside = true;
      return sinkOf(sink, (ending) => {
        isInside = false;
        if (ending !== undefined) finish(member.place, wanted, ending);
      });
    },
    learn({ path }, document) {
      if (!isInside) wants.learn?.(path, document);
    },
    async settle() {
      while (pending.size > 0) await Promise.all(pending);
      throwIfOver();
      return passed;
    },
  };

  function sinkOf(sink: PassingBlobSink, onEnd: (ending: Promise<BlobWay> | undefined) => void): ContentSink {
    return {
      async write(chunk) {
        throwIfOver();
        await sink.write(chunk);
      },
      async end(isKept) {
        onEnd(sink.end(isKept));
      },
      abort() {
        sink.abort();
        onEnd(undefined);
      },
    };
  }
}
