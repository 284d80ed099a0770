import type { Wanted } from "../choose-desired-state.ts";
import type { FeedChoice } from "./choose-document.ts";

type Loaded = Exclude<Wanted, { kind: "kept" }>;

export type FeedDocument = Extract<FeedChoice, { kind: "document" }>;

export interface ChosenSources {
  document(document: FeedDocument): Promise<Loaded>;
  /** The desired state of agent.toml. */
  files(): Promise<Loaded>;
  /** There is one. */
  hasFile(): Promise<boolean>;
}

/**
 * What a node with a feed is to run: what the feed has chosen; its own file until the feed has chosen anything; else what
 * is in force, for there is nothing else that anybody wants.
 */
export async function loadChosen(choice: FeedChoice, sources: ChosenSources): Promise<Wanted> {
  if (choice.kind === "document") {
    const { digest, isNewTry, isSoaked } = choice;
    return { ...(await sources.document(choice)), feed: { digest, isNewTry, isSoaked } };
  }
  if (choice.isFresh && (await sources.hasFile())) return sources.files();
  return {
    kind: "kept",
    condition: { type: "Reconciling", message: choice.message },
    issues: [],
    inputs: [],
  };
}
