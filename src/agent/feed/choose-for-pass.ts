import { chooseDocument, type FeedChoice } from "./choose-document.ts";
import type { KeeperContext } from "./keeper-context.ts";

/** What the next pass is to bring into force. An assignment is one new try, also for what has failed here before. */
export async function chooseForPass({ memory, node, store }: KeeperContext): Promise<FeedChoice> {
  const choice = await chooseDocument(memory.current, memory.isLost, store);
  memory.isLost = choice.kind === "none" && !choice.isFresh;
  const { task } = memory.current;
  if (choice.kind !== "document" || task === undefined) return choice;
  // A pass may read several times before it begins. After a crash in it, it is not a new try any more.
  if (choice.isNewTry) {
    node.newTry = task.id;
    await memory.keep({ ...memory.current, task: { ...task, isTried: true } });
  }
  return { ...choice, isNewTry: node.newTry === task.id };
}
