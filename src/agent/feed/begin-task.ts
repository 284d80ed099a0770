import { conclude } from "./answer-finally.ts";
import { digestRegistries } from "./changed-registries.ts";
import type { Task } from "./feed-memory.ts";
import { type KeeperContext, nowOf, type Waiting } from "./keeper-context.ts";
import { listItems } from "./list-items.ts";

/**
 * Makes an assignment what passes bring into force, durably. From here on it goes on without the feed, over restarts too.
 * Rejects with HostError where it cannot be written down; then nothing has begun.
 */
export async function beginTask(context: KeeperContext, waiting: Waiting): Promise<void> {
  const { memory, node, speaker, state, store, ports, trigger } = context;
  const { assignment, envelope, serial } = waiting;
  const { envelope: _sent, spreadMs: _over, mode: _any, ...rest } = assignment;
  const { digest } = assignment;
  const { good, selected } = memory.current;
  const before = good?.digest === digest ? undefined : good;
  const task: Task = {
    ...rest,
    serial,
    began: nowOf(context),
    ...(before && { before }),
    isTried: false,
    registriesBefore: digestRegistries(await state.loadLastKnownGood(), ports.sha256),
  };
  const isSoaked = selected?.digest === digest && selected.isSoaked;
  await store.saveDocument(digest, envelope);
  const ended = concludeReplaced(context);
  await memory.commit({
    ...(ended?.memory ?? memory.current),
    selected: { digest, serial, isSoaked },
    task,
  });
  if (ended !== undefined) speaker.conclude(ended.answer);
  memory.isLost = false;
  node.sinceBegin = undefined;
  speaker.goOn();
  trigger("the feed has assigned a document");
}

/** What is being taken back just now has its end decided: why is not forgotten for what takes its place. */
function concludeReplaced({ memory: { current }, ports: { clock } }: KeeperContext) {
  const { task } = current;
  if (task?.ending === undefined) return undefined;
  const { phase, error } = task.ending;
  return conclude(current, task, phase, { error, items: listItems(task.applied, error) }, clock.now());
}
