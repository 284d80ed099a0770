import type { ApplyRecord, Tries } from "./apply-record.ts";
import type { Choice } from "./choose-desired-state.ts";
import type { PassContext, Progress } from "./pass-context.ts";

/** So often is one desired state tried without the agent coming to the end of a pass. */
export const MAX_TRIES = 3;

/** True for a desired state in whose passes the agent has ended each time. */
export function isGivenUp({ tries }: ApplyRecord, digest: string): boolean {
  return tries?.digest === digest && tries.count >= MAX_TRIES;
}

/** Made durable before anything is done for a new desired state, for the start after a crash to see. */
export async function noteTry(
  { fresh, digest }: Choice,
  { state }: PassContext,
  progress: Progress,
): Promise<void> {
  if (!fresh) return;
  const record = progress.record as ApplyRecord;
  const count = record.tries?.digest === digest ? record.tries.count + 1 : 1;
  const tries: Tries = { digest, count };
  progress.isTried = true;
  progress.record = { ...record, tries };
  await state.saveRecord(progress.record);
}

/** The agent has come to the end of the pass, however that went; one that was given up stays so. */
export async function forgetTries(
  { state, ports }: PassContext,
  { wanted, record, isTried }: Progress,
): Promise<void> {
  if (wanted?.kind !== "state" || record?.tries === undefined) return;
  if (isGivenUp(record, wanted.digest) && isTried !== true) return;
  try {
    // What a failed pass has last recorded may be more than its caller knows of.
    const { record: recorded, corrupt } = await state.loadRecord();
    const { tries, ...rest } = recorded;
    if (!corrupt && tries !== undefined) await state.saveRecord(rest);
  } catch (error) {
    ports.log.warn({ error: String(error) }, "it cannot be recorded that the agent has survived this pass");
  }
}
