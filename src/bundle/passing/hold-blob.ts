import { Readable } from "node:stream";
import type { Digest } from "../../core/bundle/bundle.ts";
import { digestOf } from "../read/digest-stream.ts";
import { endsAll } from "../registry/ends-all.ts";
import { ExhaustedError } from "../registry/retrier.ts";
import { transferBlob } from "../upload/blob-transfer.ts";
import type { PushContext } from "../upload/push-context.ts";
import { BadBlobError } from "../upload/verified-bytes.ts";
import type { ByteBudget } from "./byte-budget.ts";

/** What all of a push shares, but for a source with random access. */
export type PassContext = Omit<PushContext, "source" | "known">;

/** A file that goes by and is wanted. */
export interface PassingBlob {
  readonly digest: Digest | undefined;
  readonly repositories: readonly string[];
  readonly size: number;
  /** For people. */
  readonly place: string;
}

/** What it came to: its digest, and where it is, which need not be all repositories that want it. */
export interface BlobWay {
  readonly digest: Digest;
  readonly repositories: readonly string[];
}

export interface PassingBlobSink {
  write(chunk: Uint8Array): Promise<void>;
  /** All has come. Undefined: it is not sent. */
  end(isKept: boolean): Promise<BlobWay> | undefined;
  abort(): void;
}

/** For a blob of any size: a request under way, and what is known of it, take more than small ones do. */
const LEAST_CHARGE = 16 * 1024;

/** Takes a small blob into memory and sends it from there. */
export async function holdBlob(
  context: PassContext,
  { digest: promised, repositories, size, place }: PassingBlob,
  budget: ByteBudget,
): Promise<PassingBlobSink> {
  const charge = Math.max(size, LEAST_CHARGE);
  await budget.take(charge);
  const bytes = Buffer.allocUnsafe(size);
  let filled = 0;
  const free = (): undefined => void budget.give(charge);
  const source = {
    open: (_: Digest, range = { start: 0, end: size }) =>
      Readable.from([bytes.subarray(range.start, range.end)]),
    describe: () => place,
  };
  const send = async (): Promise<BlobWay> => {
    if (filled < size) throw new BadBlobError(`${place} ends after ${filled} of ${size} bytes`);
    const digest = promised ?? digestOf(bytes);
    const { journal } = context;
    const have: string[] = [];
    let first: { readonly failure: unknown } | undefined;
    for (const repository of repositories) {
      const hint = have[0] ?? journal.find(digest, repository);
      try {
        await transferBlob({ ...context, source }, repository, { mediaType: "", digest, size }, hint);
        have.push(repository);
      } catch (failure) {
        if (failure instanceof BadBlobError || context.signal.aborted || endsAll(failure)) throw failure;
        first ??= { failure };
        // It was sent as often as makes sense: another repository would take minutes to find the same.
        if (failure instanceof ExhaustedError) break;
      }
    }
    // Where it is not, the images that need it there say why.
    if (have.length === 0) throw first?.failure;
    return { digest, repositories: have };
  };
  return {
    async write(chunk) {
      bytes.set(chunk.subarray(0, size - filled), filled);
      filled += chunk.length;
    },
    end: (isKept) => (isKept ? free() : send().finally(free)),
    abort: free,
  };
}
