import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { awaitFlock, FLOCK } from "../../../shared/flock.ts";
import { EngineError } from "../engine-error.ts";

/** Does `work` while no other process writes. Rejects with EngineError when that cannot be had in time. */
export async function withJournalLock<T>(
  directory: string,
  timeoutMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const path = join(directory, "lock");
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const handle = await open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    const lock = await awaitFlock(handle.fd, timeoutMs);
    if (lock.is === "taken")
      throw new EngineError(
        "timeout",
        `another process has held ${path} for ${timeoutMs} ms: is it stopped?`,
      );
    if (lock.is === "broken")
      throw new EngineError(
        "refused",
        `cannot lock ${path}: ${FLOCK} (package util-linux) does not work: ${lock.words}`,
      );
    return await work();
  } finally {
    await handle.close();
  }
}
