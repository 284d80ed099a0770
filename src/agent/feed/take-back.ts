import { answerFinally } from "./answer-finally.ts";
import { checkArrived } from "./check-arrived.ts";
import { type Task, withoutTask } from "./feed-memory.ts";
import type { FeedError } from "./feed-messages.ts";
import { clean } from "./judge-pass.ts";
import type { KeeperContext } from "./keeper-context.ts";
import { listItems } from "./list-items.ts";

/** Names what was there before; the answer follows when a pass has gone back to it. */
export async function takeBack(
  context: KeeperContext,
  task: Task,
  phase: "failed" | "reverted",
  error: FeedError,
): Promise<void> {
  const { memory, node, trigger } = context;
  const { before } = task;
  if (!(await canGoBack(context, task))) return leaveInForce(context, task, error);
  const { selected: _gone, ...rest } = memory.current;
  await memory.keep({
    ...rest,
    ...(before && { selected: { ...before, isSoaked: true } }),
    task: { ...task, ending: { phase, error } },
  });
  node.sinceBegin = undefined;
  trigger("what the feed has assigned is taken back");
}

async function canGoBack(context: KeeperContext, { before, digest }: Task): Promise<boolean> {
  // It is itself what others go back to: what was there before the feed is long over.
  if (context.memory.current.good?.digest === digest) return false;
  if (before === undefined) return context.hasFile();
  const envelope = await context.store.loadDocument(before.digest);
  return envelope !== undefined && (await checkArrived(context, envelope, before.digest)).ok;
}

function leaveInForce(context: KeeperContext, task: Task, error: FeedError): Promise<void> {
  const message = clean(`${error.message}; there is nothing to go back to, so it stays`);
  const details = { error: { ...error, message }, items: listItems(task.applied, error) };
  return answerFinally(context, task, "failed", details, withoutTask(context.memory.current));
}
