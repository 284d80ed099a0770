import type { Digest } from "../core/bundle/bundle.ts";
import type { DumpPlan } from "../core/bundle/dump/plan-dump.ts";
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
  /** The blob that could not be had, where it is about that alone; undefined: it is about more. */
  lostBlob(error: unknown): LostBlob | undefined;
}

export interface DumpSession {
  /** Fetches all manifests; tells how many images have been looked up. Rejects with what `explain` understands. */
  plan(names: readonly string[], onProgress: (done: number, total: number) => void): Promise<GatheredDump>;
  /** Writes the bundle. Rejects with what `explain` understands; then nothing is there, and the session is over. */
  write(gathered: GatheredDump, onProgress: (done: number, total: number) => void): Promise<WrittenFiles>;
  /** Who wanted an end. */
  interrupt(): Interrupt | undefined;
  close(): void;
}

/** A blob that could not be had; `wasRightThen`: asked for again, it came as it should. */
export interface LostBlob {
  readonly digest: Digest;
  readonly wasRightThen: boolean;
}

export interface GatheredImage {
  readonly name: string;
  readonly digest: Digest;
  /** Of its layers and configs, all of them. */
  readonly bytes: number;
  /** What of that no image before it brings along, and no older bundle has. */
  readonly newBytes: number;
  readonly blobs: ReadonlySet<Digest>;
}

export interface GatheredDump {
  readonly plan: DumpPlan;
  readonly images: readonly GatheredImage[];
  readonly referrers: number;
  readonly failures: readonly { readonly name: string; readonly error: unknown }[];
}

export interface WrittenFiles {
  readonly files: readonly { readonly path: string; readonly size: number; readonly sha256: string }[];
  readonly checksums: string | undefined;
}
