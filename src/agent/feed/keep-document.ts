import type { KeeperContext } from "./keeper-context.ts";

/** Kept on the disk at once: those that this stream has brought, and what is gone back to. */
const MOST_DOCUMENTS = 32;

/** For this and later assignments: the feed sends each document once on a stream. On a full disk it does so again. */
export async function keepDocument(
  context: KeeperContext,
  digest: string,
  envelope: Uint8Array,
): Promise<void> {
  const { store, ports } = context;
  try {
    if ((await store.listDocuments()).length >= MOST_DOCUMENTS) await pruneDocuments(context);
    await store.saveDocument(digest, envelope);
  } catch (error) {
    ports.log.debug({ error: String(error) }, "a document of the feed is not kept");
  }
}

/**
 * A copy on the disk that does not pass may be damaged, or forged: it goes, and the feed is asked to send the document,
 * which is then judged as it comes.
 */
export async function giveUpCopy({ store, speaker, ports }: KeeperContext, digest: string): Promise<void> {
  await store
    .removeDocument(digest)
    .catch((error: unknown) => ports.log.warn({ error: String(error) }, "a bad copy of a document stays"));
  speaker.renew("a document that was kept here is not good any more");
}

/** Leaves what passes may need. */
export function pruneDocuments({ store, memory }: KeeperContext): Promise<void> {
  const { selected, good, task } = memory.current;
  const kept = [selected, good, task, task?.before].map((one) => one?.digest ?? "");
  return store.prune(new Set(kept));
}
