import type { WatchEnd, WatchOptions } from "../engine.ts";
import type { EngineError } from "../engine-error.ts";
import { changesSince, type JournalState } from "./journal-state.ts";

/** The watches of one engine, which are told whenever the journal has been read. */
export interface JournalWatches {
  add(prefix: string, options: WatchOptions): Promise<WatchEnd>;
  tell(state: JournalState): void;
  fail(error: EngineError): void;
  /** Ends all of them as aborted. */
  close(): void;
}

export function createJournalWatches(): JournalWatches {
  const watches = new Set<Watch>();
  const end = (watch: Watch, settle: () => void): void => {
    watches.delete(watch);
    watch.options.signal.removeEventListener("abort", watch.abort);
    settle();
  };
  return {
    add(prefix, options) {
      return new Promise((resolve, reject) => {
        const abort = (): void => end(watch, () => resolve("aborted"));
        const watch: Watch = { prefix, options, reached: options.after, resolve, reject, abort };
        watches.add(watch);
        if (options.signal.aborted) return abort();
        options.signal.addEventListener("abort", abort, { once: true });
      });
    },
    tell(state) {
      for (const watch of [...watches]) {
        const { prefix, options, reached, resolve } = watch;
        const changes = changesSince(state, prefix, reached);
        if (changes === undefined) {
          end(watch, () => resolve("compacted"));
          continue;
        }
        // A journal that was removed and begun anew is behind: the follower of the prefix finds that out.
        watch.reached = Math.max(reached, state.revision);
        if (changes.length > 0) options.onChanges(changes, watch.reached);
        else options.onProgress?.(watch.reached);
      }
    },
    fail(error) {
      for (const watch of [...watches]) end(watch, () => watch.reject(error));
    },
    close() {
      for (const watch of [...watches]) watch.abort();
    },
  };
}

interface Watch {
  readonly prefix: string;
  readonly options: WatchOptions;
  reached: number;
  readonly resolve: (end: WatchEnd) => void;
  readonly reject: (error: EngineError) => void;
  readonly abort: () => void;
}
