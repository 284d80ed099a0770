import { joinSignals } from "../../join-signals.ts";
import { pause } from "../../pause.ts";
import type { WatchEnd, WatchOptions } from "../engine.ts";
import { abortedError, EngineError } from "../engine-error.ts";
import type { Connection } from "./endpoints.ts";
import type { EtcdLink } from "./etcd-link.ts";
import type { EtcdOptions } from "./etcd-options.ts";
import { openStream } from "./invoke.ts";
import { rangeOf, type WatchReply } from "./messages.ts";
import { failureFromWords, type ServiceFailure, toEngineError } from "./to-engine-error.ts";
import { advance, onNewStream, startAfter, type WatchPosition } from "./watch-position.ts";

/** One stream after the other, each on a connection of its own, beginning where the last one got to. */
export async function watchPrefix(
  link: EtcdLink,
  notice: Pick<EtcdOptions, "random" | "onNotice">,
  prefix: string,
  options: WatchOptions,
): Promise<WatchEnd> {
  const joined = joinSignals([options.signal, link.closed]);
  try {
    return await watchOn(link, notice, prefix, options, joined.signal);
  } finally {
    joined.release();
  }
}

async function watchOn(
  link: EtcdLink,
  { random, onNotice }: Pick<EtcdOptions, "random" | "onNotice">,
  prefix: string,
  options: WatchOptions,
  signal: AbortSignal,
): Promise<WatchEnd> {
  const progress = { position: startAfter(options.after) };
  for (let failures = 0; !signal.aborted; failures++) {
    const endpoint = link.endpoints.current();
    const before = progress.position;
    try {
      const end = await watchOnce(link, endpoint, prefix, options, progress, signal);
      if (end === "compacted") return end;
    } catch (error) {
      if (signal.aborted) break;
      if (!(error instanceof EngineError) || error.code === "denied") throw error;
      link.endpoints.leave(endpoint);
      onNotice?.({ kind: "reconnect", endpoint, error });
      if (progress.position !== before) failures = 0;
      await pause(random() * Math.min(MOST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures), signal);
    }
  }
  return "aborted";
}

const CONNECT_MS = 3_000;
const FIRST_PAUSE_MS = 100;
const MOST_PAUSE_MS = 5_000;
/** How often the stream is asked how far it is. */
const ASK_MS = 2_000;
/** A stream that says nothing for so long is stuck, whatever the connection's keepalive says. */
const SILENCE_MS = 8_000;

async function watchOnce(
  link: EtcdLink,
  endpoint: string,
  prefix: string,
  options: WatchOptions,
  progress: { position: WatchPosition },
  signal: AbortSignal,
): Promise<WatchEnd> {
  const connection = await link.endpoints.connect(endpoint, CONNECT_MS, signal);
  try {
    const metadata = await link.metadataFor(connection, signal);
    progress.position = onNewStream(progress.position);
    const stream = openStream(connection, link.method("Watch/Watch"), metadata);
    // Inclusive, and told already: were it the next one, etcd would not answer how far it is until something changes.
    const startRevision = Math.max(1, progress.position.reached);
    stream.write({
      createRequest: { ...rangeOf(prefix), startRevision, progressNotify: true, fragment: true },
    });
    return await follow(stream, connection, options, progress, signal);
  } catch (error) {
    link.onFailure(connection, error);
    throw error;
  } finally {
    connection.client.close();
  }
}

type Stream = ReturnType<typeof openStream>;

function follow(
  stream: Stream,
  { endpoint }: Connection,
  { onChanges, onProgress }: WatchOptions,
  progress: { position: WatchPosition },
  signal: AbortSignal,
): Promise<WatchEnd> {
  return new Promise((resolve, reject) => {
    const fail = (words: string): void =>
      end(() => reject(toEngineError(failureFromWords(words), endpoint, false)));
    const silence = setTimeout(fail, SILENCE_MS, "its watch says nothing");
    const asking = setInterval(() => stream.write({ progressRequest: {} }), ASK_MS);
    const abort = (): void => end(() => reject(abortedError()));
    const end = (settle: () => void): void => {
      clearTimeout(silence);
      clearInterval(asking);
      signal.removeEventListener("abort", abort);
      stream.removeAllListeners("data");
      stream.cancel();
      settle();
    };
    signal.addEventListener("abort", abort, { once: true });
    stream.on("data", (reply: WatchReply) => {
      silence.refresh();
      if (reply.canceled && reply.compactRevision > 0) return end(() => resolve("compacted"));
      if (reply.canceled) return fail(reply.cancelReason || "it ended the watch and gives no reason");
      const { position, changes } = advance(progress.position, reply);
      progress.position = position;
      if (changes.length > 0) onChanges(changes, position.reached);
      else if (!reply.created && position.held.length === 0) onProgress?.(position.reached);
    });
    stream.on("end", () => fail("it ended the watch"));
    // Stays, so that a stream that was cancelled does not throw.
    stream.on("error", (failure: ServiceFailure) =>
      end(() => reject(toEngineError(failure, endpoint, false))),
    );
    if (signal.aborted) abort();
  });
}
