import { FREEZE_PATH } from "../pass-results.ts";
import { readPin } from "../pin.ts";
import { HostError } from "../ports.ts";
import { answerFinally } from "./answer-finally.ts";
import { beginTask } from "./begin-task.ts";
import { checkArrived, mayPass } from "./check-arrived.ts";
import type { FeedError } from "./feed-messages.ts";
import { clean } from "./judge-pass.ts";
import { giveUpCopy } from "./keep-document.ts";
import type { KeeperContext, Waiting } from "./keeper-context.ts";
import { startTrying } from "./start-trying.ts";
import { tryingTimeMs } from "./trying-time.ts";

/** Begins what has arrived, once it may. */
export async function considerWaiting(context: KeeperContext): Promise<void> {
  const { arrived, speaker, ports } = context;
  const { waiting } = arrived;
  if (waiting === undefined) return;
  const { assignment, envelope, dueMs } = waiting;
  const held = assignment.mode === "preflight" ? undefined : await findObstacle(context);
  if (held !== undefined) return speaker.say(assignment, "held", { error: held });
  if (ports.clock.uptimeMs() < dueMs) return;
  // Time has passed: keys, floor and clock may be others.
  const checked = await checkArrived(context, envelope, assignment.digest);
  if (!checked.ok && mayPass(checked)) return speaker.say(assignment, "held", { error: checked.error });
  arrived.waiting = undefined;
  if (!checked.ok) return refuse(context, waiting, checked.error);
  const ready = { ...waiting, serial: checked.serial };
  if (assignment.mode === "preflight") return startTrying(context, ready);
  await beginTask(context, ready).catch((error: unknown) => notBegun(context, ready, error));
}

/** What keeps the node as it is, whatever the document says. */
async function findObstacle({ ports: { files } }: KeeperContext): Promise<FeedError | undefined> {
  const pin = await readPin(files);
  if (pin !== undefined) return { code: "pinned", message: pin.message };
  if ((await files.read(FREEZE_PATH)) === undefined) return undefined;
  return { code: "frozen", message: `nothing is changed on this node while ${FREEZE_PATH} exists` };
}

function refuse(context: KeeperContext, waiting: Waiting, error: FeedError): Promise<void> {
  const { assignment, serial, isCopy } = waiting;
  if (isCopy) return giveUpCopy(context, assignment.digest);
  const refused = assignment.mode === "preflight" ? "preflight-failed" : "rejected";
  return answerFinally(context, { ...assignment, serial }, refused, { error });
}

/** It waits on, for the disk; but not for so long that there is no answer. */
function notBegun(context: KeeperContext, waiting: Waiting, error: unknown): Promise<void> | void {
  const { assignment, receivedMs, serial } = waiting;
  const { arrived, speaker, ports } = context;
  const told: FeedError = {
    code: error instanceof HostError ? error.code : "state",
    message: clean(`it cannot be written down, so it is not begun: ${(error as Error).message}`),
    retriable: true,
  };
  if (ports.clock.uptimeMs() - receivedMs > tryingTimeMs(assignment))
    return answerFinally(context, { ...assignment, serial }, "failed", { error: told });
  arrived.waiting = waiting;
  return speaker.say(assignment, "held", { error: told });
}
