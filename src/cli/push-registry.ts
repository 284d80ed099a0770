import type { ImageTree } from "../core/bundle/push/image-tree.ts";
import type { LeftOver } from "../core/bundle/push/left-over.ts";
import type { PlannedImage } from "../core/bundle/push/plan-push.ts";
import type { ImageResult, PushEvent } from "../core/bundle/push/push-event.ts";
import type { SurveyedImage } from "../core/bundle/push/surveyed-image.ts";
import type { Interrupt } from "./command.ts";
import type { LoginGiven, PasswordSources } from "./find-login.ts";
import type { PushOptions } from "./push-commands.ts";
import type { DisplayPlace } from "./push-display.ts";
import type { PushWish } from "./read-push-options.ts";

/** What `push` needs of the machine and of the network. */
export interface PushDeps extends PasswordSources {
  /** What is at rest and whose digests no name tells is read through. Rejects with what `explain` understands. */
  open(
    sources: readonly string[],
    onEvent: (event: PushEvent) => void,
  ): Promise<RestingBundles | PassingBundles>;
  /** What went wrong and what to do, for an operator; without secrets. Throws what it does not know. */
  explain(error: unknown): string;
  /** It is about the bundle, and not about the registry. */
  isBundleError(error: unknown): boolean;
  /** Calls when somebody wants an end, once; returns what ends that. */
  onInterrupt(call: (signal: Interrupt) => void): () => void;
  readonly place: Omit<DisplayPlace, "kind" | "write"> & { readonly isTerminal: boolean };
}

/** What bundles hold, as one. */
export interface ReadBundles {
  readonly trees: readonly ImageTree[];
  /** Why nothing of them can be pushed. */
  readonly problems: readonly string[];
  /** What is odd about them, and no reason to push less. */
  readonly notes: readonly string[];
}

/** Rejects with what `explain` understands. */
type Connect<T> = (wish: PushWish, options: PushOptions, login: LoginGiven) => Promise<T>;

/** Bundles of which all can be had as often as wanted. */
export interface RestingBundles extends ReadBundles {
  readonly kind: "resting";
  /** A registry that has answered and let us in, to push them to. */
  readonly connect: Connect<PushRegistry>;
}

/** Bundles that come by in streams. */
export interface PassingBundles {
  readonly kind: "passing";
  /** Goes through them and sends nothing: for what is not sent anyway. Rejects with what `explain` understands. */
  scan(onEvent: (event: PushEvent) => void): Promise<Omit<RestingBundles, "kind">>;
  readonly connect: Connect<PassingRegistry>;
}

interface Connected {
  /** What does not stop a push, and whoever pushes should know. */
  readonly warnings: readonly string[];
  /** Ends what is under way; images that are not there by then are `left`. */
  stop(): void;
  close(): void;
}

export interface PushRegistry extends Connected {
  push(images: readonly PlannedImage[], emit: (event: PushEvent) => void): Promise<readonly ImageResult[]>;
  survey(images: readonly PlannedImage[]): Promise<readonly SurveyedImage[]>;
}

export interface PassingRegistry extends Connected {
  begin(emit: (event: PushEvent) => void): PassingRun;
}

/** One push of bundles that come by; all but `clean` reject with what `explain` understands. */
export interface PassingRun {
  /** The images of these very files, where they were pushed before and are still there. */
  recall(): Promise<readonly RecalledImage[] | undefined>;
  /** Goes through the bundles, and sends what may be of use. */
  read(): Promise<ReadBundles>;
  /** `areAll`: nothing of the bundles is left out. */
  push(images: readonly PlannedImage[], areAll: boolean): Promise<readonly ImageResult[]>;
  /** However it ended. Returns a repository of its own that stays, or its name; undefined: none does. */
  clean(isWhole: boolean): Promise<LeftOver | undefined>;
}

export interface RecalledImage {
  readonly result: ImageResult;
  /** Of its blobs. */
  readonly bytes: number;
}
