import { answerFinally } from "./answer-finally.ts";
import { type FeedMemory, type Task, withoutTask } from "./feed-memory.ts";
import type { FeedError } from "./feed-messages.ts";
import type { KeeperContext } from "./keeper-context.ts";
import { listItems } from "./list-items.ts";

/** The last word on the assignment under way. The pass that follows closes out what its document says, or goes back. */
export async function finishTask(
  context: KeeperContext,
  task: Task,
  phase: "soaked" | "rejected" | "failed" | "reverted",
  error: FeedError | undefined,
): Promise<void> {
  const { memory, trigger } = context;
  const isSoaked = phase === "soaked";
  const next = isSoaked ? withGood(memory.current, task) : withBefore(memory.current, task);
  const details = { ...(error && { error }), items: listItems(task.applied, error) };
  await answerFinally(context, task, phase, details, next);
  trigger(isSoaked ? "what the feed has assigned has soaked" : "what the feed has assigned is given up");
}

/**
 * The feed has stopped it. What has touched nothing yet is given up without an answer, for it was not asked to the end; a
 * pass that is just about it is followed by one that goes back. What is in force goes on.
 */
export async function stopTask({ memory, node, trigger }: KeeperContext): Promise<void> {
  const { task } = memory.current;
  if (task === undefined || task.ending !== undefined) return;
  if (task.applied !== undefined || node.sinceBegin?.asked?.isInForce === true) return;
  await memory.keep(withBefore(memory.current, task));
  trigger("what the feed has assigned is stopped");
}

function withGood(memory: FeedMemory, { digest, serial }: Task): FeedMemory {
  const good = { digest, serial };
  return { ...withoutTask(memory), selected: { ...good, isSoaked: true }, good };
}

/** What was selected since then stays; so does the newest that has soaked, where the assignment was to go back to it. */
function withBefore(memory: FeedMemory, task: Task): FeedMemory {
  const { digest, before = memory.good } = task;
  const { selected, ...rest } = withoutTask(memory);
  if (selected !== undefined && selected.digest !== digest) return { ...rest, selected };
  return before === undefined ? rest : { ...rest, selected: { ...before, isSoaked: true } };
}
