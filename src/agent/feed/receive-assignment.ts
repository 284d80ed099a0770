import { isRefusal } from "../../core/fleet/phase.ts";
import { answerFinally } from "./answer-finally.ts";
import { checkArrived, mayPass } from "./check-arrived.ts";
import { considerWaiting } from "./consider-waiting.ts";
import { runningOf } from "./describe-state.ts";
import type { Answer } from "./feed-memory.ts";
import type { FeedAssignment } from "./feed-messages.ts";
import { stopTask } from "./finish-task.ts";
import { giveUpCopy, keepDocument } from "./keep-document.ts";
import { dropArrived, type KeeperContext } from "./keeper-context.ts";
import { listItems } from "./list-items.ts";
import { spreadOf } from "./spread.ts";

/** The same question gets the same answer; another takes the place of what has not begun, answered or not. */
export async function receiveAssignment(context: KeeperContext, assignment: FeedAssignment): Promise<void> {
  const { speaker, store } = context;
  const isRepeated = hasArrived(context, assignment);
  if (!isRepeated || assignment.mode === "hold") dropArrived(context);
  if (assignment.mode === "hold") {
    await stopTask(context);
    return speaker.say(assignment, "held");
  }
  const known = findAnswer(context, assignment);
  if (known !== undefined) return speaker.sendAnswer(known);
  if (isRepeated || context.memory.current.task?.id === assignment.id) return sayAgain(context);
  const isCopy = assignment.envelope === undefined;
  const envelope = assignment.envelope ?? (await store.loadDocument(assignment.digest));
  // No answer: what the feed believes to be here is not, and a new Hello says what is.
  if (envelope === undefined) return speaker.renew("a document was not sent that is not here any more");
  await takeIn(context, assignment, envelope, isCopy);
}

/** What is under way, as far as it has come, for a stream that may not have heard it. */
export function sayAgain({ memory, speaker, arrived }: KeeperContext): void {
  const { task } = memory.current;
  if (task?.applied !== undefined) {
    const phase = task.applied.isToldObserved ? "observed" : "applied";
    speaker.sayAgain(task, phase, { items: listItems(task.applied) });
  } else if (task !== undefined && arrived.waiting === undefined) speaker.sayAgain(task, "verified");
}

/** That something was in force here once is no answer where it is not any more. */
function findAnswer(context: KeeperContext, { id, mode, digest }: FeedAssignment): Answer | undefined {
  const known = context.memory.current.answers.find(({ assignmentId }) => assignmentId === id);
  if (known === undefined) return undefined;
  return mode === "preflight" || isRefusal(known.phase) || isThere(context, digest) ? known : undefined;
}

function isThere({ memory, node }: KeeperContext, digest: string): boolean {
  const { record, latest } = node;
  const running = runningOf({ memory: memory.current, isLost: memory.isLost, record, report: latest });
  return running?.digest === digest;
}

function hasArrived({ arrived }: KeeperContext, { id }: FeedAssignment): boolean {
  return arrived.waiting?.assignment.id === id || arrived.trying?.assignment.id === id;
}

async function takeIn(
  context: KeeperContext,
  assignment: FeedAssignment,
  envelope: Uint8Array,
  isCopy: boolean,
): Promise<void> {
  const { id, mode, digest, spreadMs } = assignment;
  const { arrived, speaker, self, ports } = context;
  const checked = await checkArrived(context, envelope, digest);
  const serial = checked.ok ? checked.serial : 0;
  if (!checked.ok && !mayPass(checked)) {
    if (isCopy) return giveUpCopy(context, digest);
    const refused = mode === "preflight" ? "preflight-failed" : "rejected";
    return answerFinally(context, { id, digest, serial }, refused, { error: checked.error });
  }
  if (checked.ok && !isCopy) await keepDocument(context, digest, envelope);
  const receivedMs = ports.clock.uptimeMs();
  const dueMs = receivedMs + spreadOf(self.nodeId, id, spreadMs, ports.sha256);
  arrived.waiting = { assignment, envelope, isCopy, serial, receivedMs, dueMs };
  speaker.say(assignment, checked.ok ? "verified" : "received");
  await considerWaiting(context);
}
