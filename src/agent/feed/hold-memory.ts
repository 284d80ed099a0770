import type { Ports } from "../ports.ts";
import { EMPTY_MEMORY, type FeedMemory } from "./feed-memory.ts";
import type { FeedStore } from "./feed-store.ts";

/** The memory of this process, and how far the disk has it. */
export interface MemoryHolder {
  readonly current: FeedMemory;
  /** The disk has an older one, which is written as soon as that works. */
  readonly isUnsaved: boolean;
  /** What should be in force is not known, or its document is gone: the feed is to send it anew. */
  isLost: boolean;
  /** What is decided holds in this process at once, also where the disk does not take it. */
  keep(next: FeedMemory): Promise<void>;
  /** Only what is durable holds. Rejects with HostError; then the memory is the one before. */
  commit(next: FeedMemory): Promise<void>;
}

/** Trouble with the disk is for the pass to tell: it is no reason to be without an agent. */
export async function holdMemory(
  store: Pick<FeedStore, "load" | "save">,
  log: Ports["log"],
): Promise<MemoryHolder> {
  const loaded = await store.load().catch(() => ({ memory: EMPTY_MEMORY, isDamaged: true }));
  if (loaded.isDamaged)
    log.warn({}, "what was kept of the feed is damaged: it is asked anew, and what is in force stays");
  let current = loaded.memory;
  let isUnsaved = false;
  return {
    get current() {
      return current;
    },
    get isUnsaved() {
      return isUnsaved;
    },
    isLost: loaded.isDamaged,
    async keep(next) {
      current = next;
      try {
        await store.save(next);
        isUnsaved = false;
      } catch (error) {
        if (!isUnsaved)
          log.warn({ error: String(error) }, "what the feed was answered cannot be written down yet");
        isUnsaved = true;
      }
    },
    async commit(next) {
      await store.save(next);
      current = next;
      isUnsaved = false;
    },
  };
}
