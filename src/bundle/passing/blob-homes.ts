import type { Digest } from "../../core/bundle/bundle.ts";
import { ExhaustedError } from "../registry/retrier.ts";
import type { RepositoryBlob } from "../upload/push-context.ts";
import { BadBlobError } from "../upload/verified-bytes.ts";
import type { Passed } from "./take-blobs.ts";

/** Where blobs are that have gone by, and why some are nowhere. */
export interface BlobHomes {
  learn(passed: Iterable<Passed>): void;
  add(blobs: readonly RepositoryBlob[]): void;
  /** In this repository; without one: in any. */
  has(digest: Digest, repository?: string): boolean;
  /** One that has it. */
  find(digest: Digest): string | undefined;
  list(): readonly RepositoryBlob[];
  failureOf(digest: Digest): unknown;
  /** It was tried for as long as makes sense, and is nowhere; undefined: it was not. */
  givenUp(digest: Digest): ExhaustedError | undefined;
  /** Going through the bundle again is of no use: it holds something else under this digest, or it was given up. */
  isHopeless(digest: Digest): boolean;
}

export function createBlobHomes(): BlobHomes {
  const homes = new Map<Digest, Set<string>>();
  const failures = new Map<Digest, unknown>();
  const add = ({ repository, digest }: RepositoryBlob): void => {
    homes.set(digest, (homes.get(digest) ?? new Set()).add(repository));
  };
  const givenUp = (digest: Digest): ExhaustedError | undefined => {
    const failure = homes.has(digest) ? undefined : failures.get(digest);
    return failure instanceof ExhaustedError ? failure : undefined;
  };
  return {
    learn(passed) {
      for (const { digest, repositories, failure } of passed) {
        if (digest === undefined) continue;
        if (failure !== undefined) failures.set(digest, failure);
        if (repositories.length > 0) failures.delete(digest);
        for (const repository of repositories) add({ repository, digest });
      }
    },
    add: (blobs) => blobs.forEach(add),
    has: (digest, repository) =>
      repository === undefined ? homes.has(digest) : (homes.get(digest)?.has(repository) ?? false),
    find: (digest) => homes.get(digest)?.values().next().value,
    list: () =>
      [...homes].flatMap(([digest, repositories]) =>
        [...repositories].map((repository) => ({ repository, digest })),
      ),
    failureOf: (digest) => failures.get(digest),
    givenUp,
    isHopeless: (digest) => failures.get(digest) instanceof BadBlobError || givenUp(digest) !== undefined,
  };
}
