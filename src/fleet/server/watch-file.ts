import { readFile, stat } from "node:fs/promises";

export interface WatchedFiles {
  /** Looks at once, and not only at the next round. */
  look(): Promise<void>;
  close(): void;
}

/**
 * Calls `onChange` when one of the files is another than before, by what stat(2) says; not at first. Asked every few
 * seconds: files that are swapped through links above them, as Kubernetes does, are told to nobody who watches them.
 */
export function watchFiles(
  paths: readonly string[],
  everyMs: number,
  onChange: () => Promise<void>,
): WatchedFiles {
  let before: string | undefined;
  let last = Promise.resolve();
  const lookOnce = async (always: boolean): Promise<void> => {
    const now = (await Promise.all(paths.map(describe))).join(" ");
    if (!always && (before === undefined || before === now)) {
      before = now;
      return;
    }
    before = now;
    await onChange();
  };
  // One after the other.
  const look = (always: boolean): Promise<void> => {
    last = last.then(() => lookOnce(always));
    return last;
  };
  const timer = setInterval(() => void look(false), everyMs).unref();
  void look(false);
  return { look: () => look(true), close: () => clearInterval(timer) };
}

async function describe(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path);
    return [dev, ino, size, mtimeMs, ctimeMs].join(",");
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

const MOST_BYTES = 4 * 1024 * 1024;

/** A small file. Rejects with the system's error, or where it is too large. */
export async function readSmallFile(path: string): Promise<Buffer> {
  const { size } = await stat(path);
  if (size > MOST_BYTES) throw new Error(`${path} has ${size} bytes, more than ${MOST_BYTES}`);
  return readFile(path);
}
