import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

/** A body that is made now and then and sent often. */
export interface RenderedBody {
  /** What to send, packed where the client takes that. Concurrent calls share one rendering. */
  get(request: Pick<IncomingMessage, "headers">): Promise<{
    readonly status: number;
    readonly body: Uint8Array;
    readonly headers: Readonly<Record<string, string>>;
  }>;
  /** What was made before is wrong now, however new. */
  expire(): void;
}

export interface Rendering {
  readonly status: number;
  readonly text: string;
}

interface Made {
  readonly status: number;
  readonly body: Uint8Array;
  packed: Promise<Uint8Array> | undefined;
  /** Until when it is sent again. */
  staleMs: number;
}

/** So many times longer than it took to make, a body is sent again: making it takes 2 % of the time at most. */
const COST = 50;
const MOST_MS = 1000;
/** Below this a packed body saves nothing worth the work. */
const PACKED_BYTES = 4096;

/**
 * Makes a body anew when it is asked for, but not all the time: a node with a thousand registries has megabytes of
 * metrics, and somebody may ask a hundred times a second. Never older than a second.
 */
export function renderSparingly(
  render: () => Rendering | Promise<Rendering>,
  now: () => number = () => performance.now(),
): RenderedBody {
  let made: Promise<Made> | undefined;
  let staleMs = 0;
  const make = async (): Promise<Made> => {
    const startedMs = now();
    const { status, text } = await render();
    const body = Buffer.from(text);
    const nowMs = now();
    return {
      status,
      body,
      packed: undefined,
      staleMs: nowMs + Math.min(COST * (nowMs - startedMs), MOST_MS),
    };
  };
  const current = async (): Promise<Made> => {
    if (made === undefined || now() > staleMs) {
      staleMs = Number.POSITIVE_INFINITY;
      const fresh = make();
      made = fresh;
      // What failed is tried again by whoever asks next.
      fresh.then(
        (done) => {
          if (made !== fresh) return;
          staleMs = done.staleMs;
          // Megabytes that nobody asks for any more.
          setTimeout(() => {
            if (made === fresh) made = undefined;
          }, 2 * MOST_MS).unref();
        },
        () => {
          if (made === fresh) made = undefined;
        },
      );
    }
    return made;
  };
  return {
    async get(request) {
      const one = await current();
      const { status, body } = one;
      const headers = { vary: "accept-encoding" };
      if (!acceptsGzip(request) || body.byteLength < PACKED_BYTES) return { status, body, headers };
      one.packed ??= pack(body, { level: 1 });
      return { status, body: await one.packed, headers: { ...headers, "content-encoding": "gzip" } };
    },
    expire() {
      made = undefined;
    },
  };
}

function acceptsGzip({ headers }: Pick<IncomingMessage, "headers">): boolean {
  const codings = String(headers["accept-encoding"] ?? "").split(",");
  return codings.some((coding) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(coding));
}

const pack: (body: Uint8Array, options: { level: number }) => Promise<Uint8Array> = promisify(gzip);
