import { digestRegistries, listChanged } from "./changed-registries.ts";
import type { Applied, Task } from "./feed-memory.ts";
import { finishTask } from "./finish-task.ts";
import { isUnwell } from "./judge-soak.ts";
import { type KeeperContext, nowOf } from "./keeper-context.ts";
import { listItems } from "./list-items.ts";
import { type Move, settleTask } from "./settle-task.ts";
import { takeBack } from "./take-back.ts";

/** Each move is one step; a few follow each other at once. */
const MOST_MOVES = 4;

/** Makes the moves that are due for the assignment under way. */
export async function considerTask(context: KeeperContext): Promise<void> {
  const { memory, node, evidence } = context;
  for (let step = 0; step < MOST_MOVES; step++) {
    const { task } = memory.current;
    if (task === undefined) return;
    const move = settleTask(task, { report: node.sinceBegin, evidence: evidence(), now: nowOf(context) });
    if (move.kind === "wait") return;
    await makeMove(context, task, move);
    if (move.kind === "held") return;
  }
}

async function makeMove(
  context: KeeperContext,
  task: Task,
  move: Exclude<Move, { kind: "wait" }>,
): Promise<void> {
  const { memory, speaker } = context;
  switch (move.kind) {
    case "held":
      return speaker.say(task, "held", { error: move.error });
    case "applied": {
      const applied = await describeApplied(context, task);
      await memory.keep({ ...memory.current, task: { ...task, applied } });
      return speaker.say(task, "applied", { items: listItems(applied) });
    }
    case "note":
      await memory.keep({ ...memory.current, task: { ...task, applied: move.applied } });
      if (move.isObserved) speaker.say(task, "observed", { items: listItems(move.applied) });
      return;
    case "take-back":
      return takeBack(context, task, move.phase, move.error);
    case "finish":
      return finishTask(context, task, move.phase, move.error);
    default:
      return move satisfies never;
  }
}

async function describeApplied(context: KeeperContext, { registriesBefore }: Task): Promise<Applied> {
  const { state, ports, evidence } = context;
  const after = digestRegistries(await state.loadLastKnownGood(), ports.sha256);
  const changed = listChanged(registriesBefore, after);
  const unwell = evidence().registries.filter(isUnwell);
  const unwellBefore = unwell.map(({ namespace }) => namespace).filter((one) => changed.includes(one));
  const atMs = ports.clock.now();
  return { ...nowOf(context), atMs, changed, unwellBefore, observed: {}, isToldObserved: false };
}
