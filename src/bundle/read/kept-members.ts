import type { Answer } from "../../core/bundle/assembly.ts";
import type { EntryBudget } from "../../core/bundle/collect-scan.ts";
import type { Member, MemberDigests, Nature } from "../../core/bundle/scan.ts";
import type { ByteFeed } from "./byte-feed.ts";

/** What is still known of a member after a stream has carried it by. */
export interface KeptMember {
  readonly nature: Nature;
  readonly document?: Uint8Array;
  readonly digests?: MemberDigests;
  /** What was in it, where it was an archive. */
  readonly inside?: Pick<Answer, "archive" | "error">;
}

export type KeptMembers = Map<Member, KeptMember>;

/** Somebody who wants the content of files while it goes by. */
export interface TakeContent {
  /** `head`: its first bytes, a block of an archive at most. Undefined: it is of no use. */
  begin(member: Member, head: Uint8Array): Promise<ContentSink | undefined>;
  /** A list, a manifest or a config has gone by, and is kept. */
  learn?(member: Member, document: Uint8Array): void;
}

/** Takes one file's content; the stream waits for it. */
export interface ContentSink {
  write(chunk: Uint8Array): Promise<void>;
  /** `isKept`: it is a document that is kept, and can be had later. It may have come to less than was told. */
  end(isKept: boolean): Promise<void>;
  /** The stream is broken. */
  abort(): void;
}

/** A stream that is gone through once. */
export interface StreamScan {
  readonly budget: EntryBudget;
  readonly kept: KeptMembers;
  /** Compute the digest of everything, not only of what cannot be put together without. */
  readonly hashAll: boolean;
  /** Archives in archives; 0 for the outermost. */
  readonly depth: number;
  /** Bytes of documents that may still be kept. */
  documents: number;
  /** Decompressors that may still be started for archives in the archive. */
  decoders: number;
  readonly take: TakeContent | undefined;
  /** Takes a file's content, which may be left standing, and keeps of it what matters. */
  readonly keep: (
    member: Member,
    feed: ByteFeed,
    scan: StreamScan,
    mayHoldArchives: boolean,
  ) => Promise<void>;
}
