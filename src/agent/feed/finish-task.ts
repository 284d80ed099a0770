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
