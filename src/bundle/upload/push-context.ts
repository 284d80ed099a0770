import type { Digest } from "../../core/bundle/bundle.ts";
import type { Lanes } from "../../core/bundle/push/lanes.ts";
import type { PushEvent } from "../../core/bundle/push/push-event.ts";
import type { BlobSource } from "../blob-source.ts";
import type { PushJournal } from "../journal/push-journal.ts";
import type { RegistryLink } from "../registry/registry-link.ts";
import type { ExhaustedError, Retrier } from "../registry/retrier.ts";
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
  /** Blobs that are at the registry before the images are. */
  readonly known?: readonly KnownBlob[];
  /** Why there is no use in sending a blob once more; undefined: there may be. */
  readonly givenUp?: (digest: Digest) => ExhaustedError | undefined;
  readonly emit: (event: PushEvent) => void;
  /** Look at every part of an image that is there already. */
  readonly deep: boolean;
  /** Where a list cannot be had, its tag may lead to the one platform of it that is there. */
  readonly allowNewDigest: boolean;
  /** Ends whatever is under way; aborted once this was called, or somebody outside wants an end. */
  readonly stop: () => void;
  readonly signal: AbortSignal;
}

export interface KnownBlob extends RepositoryBlob {
  /** This push has brought it there. */
  readonly isNew: boolean;
}

/** A blob in a repository. */
export interface RepositoryBlob {
  readonly repository: string;
  readonly digest: Digest;
}
