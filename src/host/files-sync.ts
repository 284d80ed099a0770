import { setImmediate } from "node:timers/promises";
import { HostError } from "../agent/ports.ts";
import type { Directories } from "./files-directories.ts";
import { toHostError } from "./files-error.ts";
import { fsyncDirectory } from "./files-temporary.ts";

/** Makes changed directories (node paths) durable; what fails is added to `failures`. */
export async function syncDirectories(
  changed: Iterable<string>,
  directories: Directories,
  failures: HostError[],
): Promise<void> {
  const sync = async (path: string): Promise<void> => {
    try {
      const directory = directories.open(path);
      await fsyncDirectory(directory.path).finally(() => directory.close());
    } catch (error) {
      failures.push(toHostError(error, path, "make durable"));
    }
  };
  await forEachOverlapped([...changed], sync, () => false);
}

// More than libuv has threads (16 of them in mirrorlet.service, so that a slow disk takes that many in one commit of its
// journal), so that none waits for the event loop; more than this only adds contention.
const OVERLAP = 24;

/** Runs `work` on every item, `OVERLAP` at a time, until `stop` says that going on is pointless. */
export async function forEachOverlapped<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  stop: () => boolean,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length && !stop()) {
      const item = items[next++] as T;
      await work(item);
      // The cheap system calls are synchronous: let health checks and signals have their turn.
      if (next % OVERLAP === 0) await setImmediate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(OVERLAP, items.length) }, worker));
}

/** Throws the first failure, saying how many more there are. */
export function throwFirst(failures: readonly HostError[]): void {
  const [first, ...others] = failures;
  if (first === undefined) return;
  if (others.length === 0) throw first;
  const message = `${first.message}; and ${others.length} more failed`;
  throw new HostError(first.code, first.path, message, { retryable: first.retryable, cause: first });
}
