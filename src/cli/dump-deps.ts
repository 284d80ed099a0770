import type { PlannedDump } from "../core/bundle/dump/plan-images.ts";
import type { OnProgress } from "./bundle-commands.ts";
import type { ProgressPlace } from "./bundle-progress.ts";
import type { Interrupt } from "./command.ts";
import type { DumpOptions } from "./dump-commands.ts";
import type { LoginGiven, PasswordSources } from "./find-login.ts";
import type { DumpWish } from "./read-dump-options.ts";
import type { TextFile } from "./text-file.ts";

/** What `dump` needs of the machine and of the network. */
export interface DumpDeps extends PasswordSources, ProgressPlace {
  /** A list of images; `-` is standard input. */
  readList(path: string): Promise<TextFile>;
  /** A file of `input`, which is read, that a bundle at `output` would replace; undefined: there is none. */
  findReplaced(output: string, input: string): Promise<string | undefined>;
  /** Whether standard output is a terminal, where a bundle would do harm. */
  readonly isTerminal: boolean;
  /** Asks the registries. `explain` tells what went wrong. */
  open(wish: DumpWish, options: DumpOptions, login: LoginGiven, onRetry: (line: string) => void): DumpSession;
  /** What went wrong and what to do, for an operator; without secrets. Throws what it does not know. */
  explain(error: unknown): string;
  /** Nobody answers, or nobody is let in. */
  isUnreachable(error: unknown): boolean;
  /** The older bundle is none, or cannot be read. */
  isBundleError(error: unknown): boolean;
  /** It failed for as long as makes sense: later it may not. */
  isOutage(error: unknown): boolean;
}

/** So many of so many: images, blobs or bytes. */
type Count = (done: number, total: number) => void;

/** A dump from its start to its end. All but `interrupt` and `close` reject with what `explain` understands. */
export interface DumpSession {
  /** Reads the older bundle, of which all may have to come by; nothing where there is none. */
  readOlder(onProgress: OnProgress): Promise<void>;
  /** Fetches all manifests; tells how many images have been looked up. */
  plan(names: readonly string[], onImages: Count): Promise<GatheredDump>;
  /** Writes the bundle. Where it rejects, nothing is there. */
  write(gathered: GatheredDump, listener: DumpListener): Promise<EndedDump>;
  /** Who wanted an end. */
  interrupt(): Interrupt | undefined;
  close(): void;
}

export interface DumpListener {
  readonly onBytes: Count;
  /** All blobs are asked for, as one is nowhere. */
  readonly onLook: Count;
  readonly onNews: (news: DumpNews) => void;
}

/** What happens on the way. `explain` understands `why`. */
export type DumpNews =
  | { readonly kind: "elsewhere"; readonly why: Error; readonly from: string }
  | { readonly kind: "lost"; readonly images: readonly string[]; readonly why: unknown }
  | { readonly kind: "right-then"; readonly why: unknown }
  | { readonly kind: "begun-anew"; readonly without: number };

export interface GatheredDump extends PlannedDump {
  readonly failures: readonly { readonly name: string; readonly error: unknown }[];
}

/** `written` undefined: no bundle was made. */
export interface EndedDump {
  readonly planned: PlannedDump;
  readonly written: WrittenFiles | undefined;
  readonly lost: readonly { readonly name: string; readonly why: unknown }[];
  /** It was begun anew too often. */
  readonly hasTriedEnough: boolean;
}

export interface WrittenFiles {
  readonly files: readonly { readonly path: string; readonly size: number; readonly sha256: string }[];
  readonly checksums: string | undefined;
}
