import { isRefusal, type Phase } from "../../core/fleet/phase.ts";
import { type Answer, type FeedMemory, withAnswer, withRejection } from "./feed-memory.ts";
import type { FeedAssignment } from "./feed-messages.ts";
import type { KeeperContext } from "./keeper-context.ts";
import type { Details } from "./speaker.ts";

type Subject = Pick<FeedAssignment, "id" | "digest"> & { readonly serial: number };

/** Keeps the last word on an assignment, with `next` as what holds from then on, and says it. */
export async function answerFinally(
  { memory, speaker, ports: { clock } }: KeeperContext,
  { id, digest, serial }: Subject,
  phase: Phase,
  { error, items = [] }: Details = {},
  next: FeedMemory = memory.current,
): Promise<void> {
  const atMs = clock.now();
  const answer: Answer = {
    assignmentId: id,
    digest,
    phase,
    ...(error && { error }),
    items,
    atMs,
    isAcked: false,
  };
  const answered = withAnswer(next, answer);
  const isNo = isRefusal(phase) && phase !== "preflight-failed" && error !== undefined;
  await memory.keep(
    isNo ? withRejection(answered, { digest, serial, error, atMs, assignmentId: id }) : answered,
  );
  speaker.conclude(answer);
}
