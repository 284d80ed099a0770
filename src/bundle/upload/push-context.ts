import type { Digest } from "../../core/bundle/bundle.ts";
import type { Lanes } from "../../core/bundle/push/lanes.ts";
import type { PushEvent } from "../../core/bundle/push/push-event.ts";
import type { BlobSource } from "../blob-source.ts";
import type { PushJournal } from "../journal/push-journal.ts";
import type { RegistryLink } from "../registry/registry-link.ts";
import type { Retrier } from "../registry/retrier.ts";
import type { UploadWays } from "../registry/upload-blob.ts";

/** What all of a push shares. */
export interface PushContext {
  readonly link: RegistryLink;
  readonly retrier: Retrier;
  readonly lanes: Lanes;
  readonly ways: UploadWays;
  readonly source: BlobSource;
  /** Below which all repositories are. */
  readonly namespace: string;
  readonly journal: PushJournal;
  /** Blobs that were brought to the registry before the images are. */
  readonly known?: readonly RepositoryBlob[];
  readonly emit: (event: PushEvent) => void;
  /** Look at every part of an image that is there already. */
  readonly deep: boolean;
  /** Where a list cannot be had, its tag may lead to the one platform of it that is there. */
  readonly allowNewDigest: boolean;
  /** Ends whatever is under way; aborted once this was called, or somebody outside wants an end. */
  readonly stop: () => void;
  readonly signal: AbortSignal;
}

/** A blob in a repository. */
export interface RepositoryBlob {
  readonly repository: string;
  readonly digest: Digest;
}
