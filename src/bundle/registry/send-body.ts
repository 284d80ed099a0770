import type { ClientRequest } from "node:http";

export interface OutgoingBody {
  /** Bytes in all. */
  readonly length: number;
  /** The bytes from the start; what it throws ends the request, and is thrown. */
  open(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** So many of them have gone out; begins anew when the body has to be sent again. */
  onSent?(bytes: number): void;
}

/** For a slice to go out. */
const STALL_MS = 60_000;
/** So little of a body moves within a stall on any link that is of use. */
const SLICE_BYTES = 64 * 1024;
const CONTINUE_MS = 1_000;

/** What goes on around a body on its way. */
export interface Watch {
  readonly asksFirst: boolean;
  /** Undefined: nothing is waited for that is the registry's. */
  readonly within: (ms: number | undefined) => void;
  readonly hasAnswer: () => boolean;
  readonly sent: { bytes: number };
}

/** Sends a body with back-pressure, until its end or until there is an answer. Throws what the body throws. */
export async function sendBody(
  request: ClientRequest,
  body: OutgoingBody | undefined,
  { asksFirst, within, hasAnswer, sent }: Watch,
): Promise<void> {
  if (body !== undefined && body.length > 0) {
    if (asksFirst) await waitForGo(request);
    // Refused: a body that can be had once only is not to be touched.
    if (hasAnswer() || request.destroyed) return;
    for await (const chunk of body.open()) {
      for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
        if (hasAnswer() || request.destroyed) return;
        const slice = chunk.subarray(at, at + SLICE_BYTES);
        within(STALL_MS);
        if (!request.write(slice)) await next(request, "drain");
        sent.bytes += slice.length;
        body.onSent?.(sent.bytes);
      }
      // Where the bytes come from may take its time: that is not the registry's doing.
      if (!hasAnswer()) within(undefined);
    }
  }
  request.end();
}

async function waitForGo(request: ClientRequest): Promise<void> {
  request.flushHeaders();
  const go = new AbortController();
  const timer = setTimeout(() => go.abort(), CONTINUE_MS);
  await next(request, "continue", go.signal);
  clearTimeout(timer);
}

/** Resolves with the event, or when there is nothing more to wait for it. */
function next(request: ClientRequest, event: "drain" | "continue", signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const names = [event, "response", "close", "error"];
    const done = (): void => {
      for (const name of names) request.off(name, done);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    for (const name of names) request.once(name, done);
    signal?.addEventListener("abort", done, { once: true });
    if (request.destroyed) done();
  });
}
