import { isRefusal, type Phase } from "../../core/fleet/phase.ts";
import { type Answer, type FeedMemory, withAnswer, withRejection } from "./feed-memory.ts";
import type { FeedAssignment } from "./feed-messages.ts";
import type { KeeperContext } from "./keeper-context.ts";
import type { Details } from "./speaker.ts";

type Subject = Pick<FeedAssignment, "id" | "digest"> & { readonly serial: number };

/** Keeps the last word on an assignment, with `next` as what holds from then on, and says it. */
export async function answerFinally(
  { memory, speaker, ports: { clock } }: KeeperContext,
  subject: Subject,
  phase: Phase,
  details: Details = {},
  next: FeedMemory = memory.current,
): Promise<void> {
  const concluded = conclude(next, subject, phase, details, clock.now());
  await memory.keep(concluded.memory);
  speaker.conclude(concluded.answer);
}

/** The last word on an assignment, and the memory with it. */
export function conclude(
  memory: FeedMemory,
  { id, digest, serial }: Subject,
  phase: Phase,
  { error, items = [] }: Details,
  atMs: number,
): { readonly answer: Answer; readonly memory: FeedMemory } {
  const answer: Answer = {
    assignmentId: id,
    digest,
    phase,
    ...(error && { error }),
    items,
    atMs,
    isAcked: false,
  };
  const answered = withAnswer(memory, answer);
  const isNo = isRefusal(phase) && phase !== "preflight-failed" && error !== undefined;
  if (!isNo) return { answer, memory: answered };
  return { answer, memory: withRejection(answered, { digest, serial, error, atMs, assignmentId: id }) };
}
