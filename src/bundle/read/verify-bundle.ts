import type { Digest } from "../../core/bundle/bundle.ts";
import { checkDigests } from "../../core/bundle/check-digests.ts";
import type { Holding, Problem } from "../../core/bundle/gathered.ts";
import type { Member, MemberDigests } from "../../core/bundle/scan.ts";
import { digestContent } from "./digest-content.ts";
import { type OpenedBundle, type OpenOptions, openBundle } from "./open-bundle.ts";
import { unreadable } from "./read-error.ts";
import { streamFile } from "./read-files.ts";

/** A bundle, and everything that is wrong with it. */
export interface VerifiedBundle extends OpenedBundle {
  readonly problems: readonly Problem[];
}

/**
 * Computes every digest of a bundle: in one pass where it comes by once, else in the order in which content lies on disk.
 * Throws BundleError when it cannot be read to its end.
 */
export async function verifyBundle(
  source: string,
  options: Omit<OpenOptions, "hashAll">,
): Promise<VerifiedBundle> {
  let before = 0;
  const onProgress: OpenOptions["onProgress"] = (done, total) => {
    before = done;
    options.onProgress?.(done, total);
  };
  const opened = await openBundle(source, { ...options, onProgress, hashAll: true });
  const { bundle, kept } = opened;
  const computed = await digestAtRest(bundle.blobs, (done, total) =>
    options.onProgress?.(before + done, before + total),
  );
  const digestsOf = ({ member }: Holding) =>
    member === undefined ? undefined : (computed.get(member) ?? kept.get(member)?.digests);
  return { ...opened, problems: [...bundle.problems, ...checkDigests(bundle, digestsOf)] };
}

async function digestAtRest(
  blobs: ReadonlyMap<Digest, Holding>,
  onProgress: (done: number, total: number) => void,
): Promise<ReadonlyMap<Member, MemberDigests>> {
  const computed = new Map<Member, MemberDigests>();
  const resting = [...blobs].filter(([, { member }]) => member?.at !== undefined).sort(byPlace);
  const total = resting.reduce((sum, [, { size }]) => sum + size, 0);
  let done = 0;
  for (const [digest, { member, inner, size }] of resting) {
    if (member?.at === undefined || computed.has(member)) continue;
    const before = done;
    const count = (length: number) => onProgress(before + length, total);
    const algorithm = digest.slice(0, digest.indexOf(":"));
    const options = { algorithm, withInner: inner !== undefined };
    try {
      const content = counted(streamFile(member.at, 0, size), count);
      computed.set(member, await digestContent(member.place, content, options));
    } catch (error) {
      throw error instanceof Error && "syscall" in error ? unreadable(member.at.path, error) : error;
    }
    done += size;
  }
  return computed;
}

function byPlace([, a]: readonly [Digest, Holding], [, b]: readonly [Digest, Holding]): number {
  const [one, other] = [a.member?.at, b.member?.at];
  if (one?.path !== other?.path) return (one?.path ?? "") < (other?.path ?? "") ? -1 : 1;
  return (one?.offset ?? 0) - (other?.offset ?? 0);
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  count: (done: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let done = 0;
  for await (const chunk of source) {
    done += chunk.length;
    count(done);
    yield chunk;
  }
}
