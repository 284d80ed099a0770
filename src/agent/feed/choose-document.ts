import type { FeedMemory } from "./feed-memory.ts";
import type { FeedStore } from "./feed-store.ts";

/** What the next pass is to bring into force, by the feed. */
export type FeedChoice =
  | {
      readonly kind: "document";
      readonly digest: string;
      readonly envelope: Uint8Array;
      readonly isNewTry: boolean;
      readonly isSoaked: boolean;
    }
  /** `isFresh`: the feed has never chosen anything here, so that the file of agent.toml counts, where there is one. */
  | { readonly kind: "none"; readonly message: string; readonly isFresh: boolean };

/** By what is on the disk; the same for the agent and for commands. */
export async function chooseDocument(
  { selected, task }: FeedMemory,
  isDamaged: boolean,
  store: Pick<FeedStore, "loadDocument">,
): Promise<FeedChoice> {
  if (selected === undefined) {
    const message = isDamaged
      ? "what was kept of the feed is damaged: what is in force stays until the feed has said what should"
      : "the feed has not said yet what this node should run";
    return { kind: "none", message, isFresh: !isDamaged };
  }
  const { digest, isSoaked } = selected;
  const envelope = await store.loadDocument(digest);
  if (envelope === undefined) {
    const message =
      "the document of the feed is gone from the disk: what is in force stays until it is sent again";
    return { kind: "none", message, isFresh: false };
  }
  const isNewTry = task !== undefined && task.ending === undefined && !task.isTried;
  return { kind: "document", digest, envelope, isNewTry, isSoaked };
}
