import type { IncomingMessage } from "node:http";
import { explainExchange } from "../../registry/exchange.ts";
import type { Outgoing, Reply } from "./send-request.ts";

const MAX_BODY_BYTES = 64 * 1024;
/** Between two pieces of a body that is waited for. */
const STALL_MS = 60_000;

/** Whoever takes them may be slow; only the server's own slowness counts. */
export async function* pieces(
  response: IncomingMessage,
  url: URL,
  within: (ms: number | undefined) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  for (;;) {
    within(STALL_MS);
    let next: IteratorResult<Uint8Array>;
    try {
      next = await chunks.next();
    } catch (error) {
      throw explainExchange(response.errored ?? error, url);
    } finally {
      within(undefined);
    }
    if (next.done === true) return;
    yield next.value;
  }
}

export async function takeReply(
  response: IncomingMessage,
  take: NonNullable<Outgoing["take"]>,
  body: AsyncIterable<Uint8Array>,
  url: URL,
): Promise<Reply> {
  const head = headOf(response, url);
  await take(body, head);
  return { ...head, body: Buffer.alloc(0) };
}

function headOf(response: IncomingMessage, url: URL): Omit<Reply, "body"> {
  return {
    url,
    status: response.statusCode ?? 0,
    headers: response.headers,
    challenges: response.headersDistinct["www-authenticate"] ?? [],
  };
}

export async function readReply(response: IncomingMessage, outgoing: Outgoing): Promise<Reply> {
  const { method, url, maxBytes = MAX_BODY_BYTES } = outgoing;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxBytes) break;
    }
  } catch (error) {
    // Who refuses a body early may well break off the connection: the status has come, and is what counts.
    if (method === "GET") throw error;
  }
  return { ...headOf(response, url), body: Buffer.concat(chunks).subarray(0, maxBytes) };
}
