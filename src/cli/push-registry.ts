import type { ImageTree } from "../core/bundle/push/image-tree.ts";
import type { PlannedImage } from "../core/bundle/push/plan-push.ts";
import type { ImageResult, PushEvent } from "../core/bundle/push/push-event.ts";
import type { SurveyedImage } from "../core/bundle/push/surveyed-image.ts";
import type { PasswordSources } from "./find-login.ts";
import type { PushOptions } from "./push-commands.ts";
import type { DisplayPlace } from "./push-display.ts";
import type { LoginWish } from "./read-login.ts";
import type { PushWish } from "./read-push-options.ts";

/** What `push` needs of the machine and of the network. */
export interface PushDeps extends PasswordSources {
  /** Rejects with what `explain` understands. */
  open(sources: readonly string[]): Promise<OpenedBundles>;
  /** What went wrong and what to do, for an operator; without secrets. Throws what it does not know. */
  explain(error: unknown): string;
  readonly place: Omit<DisplayPlace, "kind" | "write"> & { readonly isTerminal: boolean };
}

/** Bundles that were opened, as one. */
export interface OpenedBundles {
  readonly trees: readonly ImageTree[];
  /** What is wrong with them, so that not all that they should hold could be pushed. */
  readonly problems: readonly string[];
  /** A registry that has answered and let us in, to push them to. Rejects with what `explain` understands. */
  connect(wish: PushWish, options: PushOptions, login: PushLoginGiven): Promise<PushRegistry>;
}

/** Whose login is used: a given one, or what the stores have. */
export type PushLoginGiven =
  | { readonly kind: "given"; readonly username: string; readonly password: string }
  | Exclude<LoginWish, { kind: "given" }>;

export interface PushRegistry {
  push(images: readonly PlannedImage[], emit: (event: PushEvent) => void): Promise<readonly ImageResult[]>;
  survey(images: readonly PlannedImage[]): Promise<readonly SurveyedImage[]>;
  close(): void;
}
