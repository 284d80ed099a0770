import { createHash, type Hash } from "node:crypto";
import type { Digest } from "../../core/bundle/bundle.ts";
import type { Lane } from "../../core/bundle/push/lanes.ts";
import type { ByteRange } from "../blob-source.ts";
import { AnswerError } from "./answer-error.ts";
import type { RegistryLink } from "./registry-link.ts";
import { mayPass, type Retrier } from "./retrier.ts";
import type { Reply } from "./send-request.ts";
import { WrongContentError } from "./wrong-content.ts";

export interface Download {
  readonly link: RegistryLink;
  readonly retrier: Retrier;
  readonly lane: Lane;
  readonly repository: string;
  readonly digest: Digest;
  readonly size: number;
  /** A part of it, of which nothing tells whether it is right; undefined: all of it. */
  readonly range?: ByteRange | undefined;
  /** Gets every byte once, in order; the next ones come when it has resolved. */
  readonly take: (chunk: Uint8Array) => Promise<void>;
}

/** What has come so far counts as a start: whoever sends so much at least before he breaks off gets there in the end. */
const PROGRESS_BYTES = 1024 * 1024;

/**
 * Downloads a blob. Where the connection breaks it goes on from there. Resolves when all of it has come and is what its
 * digest says. Rejects as RegistryLink does, with AnswerError, ExhaustedError and WrongContentError.
 */
export async function downloadBlob(download: Download): Promise<void> {
  const { retrier, lane, link, repository, digest, size } = download;
  const { start, end } = download.range ?? { start: 0, end: size };
  const [algorithm = "", hex = ""] = digest.split(":");
  const state: State = { got: start, end, hash: createHash(algorithm) };
  do {
    const before = state.got;
    await retrier.run(
      `${repository}: ${digest}`,
      async () => {
        try {
          await ask(download, state);
        } catch (error) {
          if (!mayPass(error) || state.got - before < PROGRESS_BYTES) throw error;
        }
      },
      lane,
    );
  } while (state.got < end);
  if (download.range === undefined && state.hash.digest("hex") !== hex)
    throw new WrongContentError(
      `${link.url.host}, ${repository}: what the registry sends as ${digest} is something else: its storage, or a cache on the way, is damaged`,
    );
}

interface State {
  got: number;
  readonly end: number;
  readonly hash: Hash;
}

async function ask({ link, repository, digest, size, take }: Download, state: State): Promise<void> {
  const url = new URL(`/v2/${repository}/blobs/${digest}`, link.url);
  const start = state.got;
  const { end } = state;
  const isPart = start > 0 || end < size;
  // With both ends: not all registries know what one of them means.
  const range = `bytes=${start}-${end - 1}`;
  const headers = { "accept-encoding": "identity", ...(isPart ? { range } : {}) };
  const reply = await link.request(
    {
      method: "GET",
      url,
      headers,
      async take(body, head) {
        // Who does not know Range sends all of it once more.
        let left = head.status === 200 ? start : 0;
        if (head.status === 206 && startOf(head) !== start)
          throw broken(head, `it sends another part than bytes ${start}-`);
        const told = head.headers["content-length"];
        if (head.status === 200 && told !== undefined && Number(told) !== size)
          throw new WrongContentError(
            `${link.url.host}, ${repository}: the registry has ${told} bytes as ${digest}, and its manifest says ${size}`,
          );
        for await (const chunk of body) {
          const tail = chunk.subarray(Math.min(left, chunk.length));
          left -= chunk.length - tail.length;
          // Who does not know Range goes on after the end of a part.
          const fresh = end < size ? tail.subarray(0, end - state.got) : tail;
          if (state.got + fresh.length > size)
            throw new WrongContentError(
              `${link.url.host}, ${repository}: the registry sends more of ${digest} than the ${size} bytes that its manifest says`,
            );
          if (fresh.length === 0) continue;
          state.hash.update(fresh);
          state.got += fresh.length;
          await take(fresh);
        }
        if (state.got < end) throw broken(head, `it ends after ${state.got} of ${end} bytes`);
      },
    },
    { repository, isPull: true },
  );
  if (reply.status !== 200 && reply.status !== 206) throw new AnswerError("GET", reply);
}

function broken(head: Omit<Reply, "body">, why: string): AnswerError {
  return new AnswerError("GET", { ...head, body: Buffer.alloc(0) }, { why, retryable: true });
}

function startOf({ headers }: Omit<Reply, "body">): number | undefined {
  const start = /^bytes (\d{1,15})-/.exec(headers["content-range"] ?? "")?.[1];
  return start === undefined ? undefined : Number(start);
}
