import { BundleError } from "./bundle-error.ts";
import { BUNDLE_LIMITS } from "./bundle-limits.ts";
import { readJson } from "./read-json.ts";
import type { Member, MemberDigests, Nature, Scan } from "./scan.ts";

/** What putting a bundle together has to know of a member. */
export type Ask =
  /** All its bytes; it is small. Answered with none where a stream has gone by and they did not look like JSON. */
  | { readonly ask: "document"; readonly member: Member }
  | { readonly ask: "nature"; readonly member: Member }
  | { readonly ask: "digests"; readonly member: Member }
  /** What is in it, where it is an archive. */
  | { readonly ask: "archive"; readonly member: Member };

export interface Answer {
  readonly document?: Uint8Array;
  readonly nature?: Nature;
  readonly digests?: MemberDigests;
  /** `error`: it is one, and cannot be read. Neither: it is none. */
  readonly archive?: Scan;
  readonly error?: string;
}

/** Work that reads nothing itself, so that it suits folders, archives and streams that have gone by. */
export type Assembly<T> = Generator<Ask, T, Answer>;

/** Throws BundleError when it is bigger than `limit`, in bytes. */
export function* readDocument(
  member: Member,
  limit: number = BUNDLE_LIMITS.documentBytes,
): Assembly<Uint8Array> {
  if (member.again !== undefined)
    throw new BundleError(
      "refused",
      `${member.place}: it is there again (${member.again}); which one counts?`,
    );
  if (member.size > limit)
    throw new BundleError(
      "refused",
      `${member.place}: ${member.size} bytes are too many for such a document`,
    );
  const { document } = yield { ask: "document", member };
  if (document === undefined) throw new BundleError("damaged", `${member.place}: it is no JSON`);
  return document;
}

/** A list that names images. Throws BundleError when it is no JSON. */
export function* readList(member: Member): Assembly<unknown> {
  const value = readJson(yield* readDocument(member, BUNDLE_LIMITS.listBytes));
  if (value === undefined) throw new BundleError("damaged", `${member.place}: it is no JSON`);
  return value;
}
