import type { FeedChoice } from "../agent/feed/choose-document.ts";
import type { PassContext } from "../agent/pass-context.ts";

/** What commands that look at or change this node get from main.ts. */
export interface NodeDeps {
  createContext(options: NodeOptions): PassContext;
  /** One writer per node: takes the lock the agent holds too. */
  acquireLock(): { readonly release: () => void } | { readonly heldBy: string };
}

export interface NodeOptions {
  /** Files or directories of desired state. */
  readonly sources: readonly string[];
  readonly adopt: boolean;
  readonly mayRestart: boolean;
  readonly retryQuarantined: boolean;
  /** Passes follow: tries to read the sources are counted, which is written down. */
  readonly countsReads?: true;
  /** Not somebody who names files: a pin counts, and what the feed has chosen. */
  readonly isAgent?: true;
  /** What the feed has chosen; undefined: there is none. */
  readonly feed?: (() => Promise<FeedChoice>) | undefined;
}
