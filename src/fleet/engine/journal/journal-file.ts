import { constants } from "node:fs";
import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { abortedError, EngineError } from "../engine-error.ts";
import { decodeLine, encodeLine, type JournalLine } from "./journal-line.ts";
import { applyLine, emptyState, type JournalState } from "./journal-state.ts";

/** A journal's file and, as `state`, what has been read of it. One call at a time. */
export interface JournalFile {
  state(): JournalState;
  /** Bytes of the file that count. */
  size(): number;
  /** Reads what has been added, all of it after it was rewritten. */
  catchUp(): Promise<void>;
  /**
   * Only under the lock: all is read, and what a crash has left at the end is completed when it is whole, and cut
   * when it is not.
   */
  prepareToWrite(): Promise<void>;
  /** Only under the lock, after `prepareToWrite`: durable when it resolves. `state` has to have it already. */
  append(line: JournalLine): Promise<void>;
  /** Only under the lock: puts another file in its place. */
  rewrite(lines: Iterable<JournalLine>): Promise<void>;
  close(): Promise<void>;
}

export function openJournalFile(directory: string): JournalFile {
  const path = join(directory, "journal");
  let handle: FileHandle | undefined;
  let [inode, offset, lineNumber] = [0, 0, 0];
  let state = emptyState();
  let isClosed = false;

  const reopen = async (): Promise<void> => {
    await handle?.close();
    handle = await open(path, constants.O_RDWR | constants.O_NOFOLLOW).catch(ignoreAbsent);
    inode = handle === undefined ? 0 : (await handle.stat()).ino;
    [offset, lineNumber, state] = [0, 0, emptyState()];
  };
  const take = (bytes: Buffer): void => {
    const line = decodeLine(bytes);
    if (line === undefined || (line.kind === "head") !== (lineNumber === 0) || !isKnown(line))
      throw damaged(path, lineNumber + 1);
    applyLine(state, line);
    lineNumber++;
    offset += bytes.length + 1;
  };
  const readOn = async (): Promise<void> => {
    if (handle === undefined) return;
    const { size } = await handle.stat();
    let data = await readWhole(handle, offset, size - offset);
    let breathedAt = offset;
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10)) {
      take(data.subarray(0, end));
      data = data.subarray(end + 1);
      if (offset - breathedAt < BREATH_BYTES) continue;
      // A long journal must not keep leases from being renewed.
      await setImmediate();
      breathedAt = offset;
    }
  };
  const catchUp = async (): Promise<void> => {
    if (isClosed) throw abortedError();
    for (let attempt = 1; ; attempt++) {
      try {
        await readOn();
        break;
      } catch (error) {
        // A line that is cut and written anew while it is read.
        if (!(error instanceof EngineError) || attempt === 3) throw error;
      }
    }
    // An open file keeps its inode: another number is another file.
    if ((await stat(path).catch(ignoreAbsent))?.ino === (handle && inode)) return;
    await reopen();
    await readOn();
  };
  const rewrite = async (lines: Iterable<JournalLine>): Promise<void> => {
    const next = join(directory, "journal.new");
    const { O_RDWR, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
    const target = await open(next, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
    try {
      await writeLines(target, lines);
      await target.sync();
    } finally {
      await target.close();
    }
    await rename(next, path);
    await syncDirectory(directory);
    await catchUp();
  };
  return {
    state: () => state,
    size: () => offset,
    catchUp,
    async prepareToWrite() {
      await catchUp();
      if (handle === undefined) return rewrite([{ kind: "head", format: 1, revision: 1, compacted: 0 }]);
      const { size } = await handle.stat();
      if (size === offset) return;
      const left = await readWhole(handle, offset, size - offset);
      if (decodeLine(left) === undefined) {
        await handle.truncate(offset);
        return;
      }
      await handle.datasync();
      await writeWhole(handle, NEWLINE, size);
      await readOn();
    },
    async append(line) {
      if (handle === undefined) throw new Error("append before prepareToWrite");
      const bytes = encodeLine(line);
      try {
        await writeWhole(handle, bytes, offset);
        await handle.datasync();
        await writeWhole(handle, NEWLINE, offset + bytes.length);
      } catch (error) {
        // Not seen by anybody. The state has it: read anew.
        await handle.truncate(offset).catch(() => undefined);
        inode = 0;
        throw error;
      }
      offset += bytes.length + 1;
      lineNumber++;
    },
    rewrite,
    async close() {
      isClosed = true;
      await handle?.close();
      handle = undefined;
    },
  };
}

const BREATH_BYTES = 512 * 1024;
const NEWLINE = Buffer.from("\n");

async function readWhole(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.max(0, length));
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, at + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

async function writeWhole(handle: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
}

async function writeLines(handle: FileHandle, lines: Iterable<JournalLine>): Promise<void> {
  let [waiting, length, at]: [Buffer[], number, number] = [[], 0, 0];
  const flush = async (): Promise<void> => {
    await writeWhole(handle, Buffer.concat(waiting), at);
    [waiting, length, at] = [[], 0, at + length];
  };
  for (const line of lines) {
    const bytes = encodeLine(line);
    waiting.push(bytes, NEWLINE);
    length += bytes.length + 1;
    if (length > 1024 * 1024) await flush();
  }
  await flush();
}

function damaged(path: string, line: number): EngineError {
  const message = `${path} is damaged at line ${line}, and rollouts stand still until it is put right; nodes go on with what they run. Stop what uses it, keep a copy, and put back a good one, or remove it to begin anew`;
  return new EngineError("damaged", message);
}

function isKnown(line: JournalLine): boolean {
  return line.kind !== "head" || line.format === 1;
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  await handle.sync().finally(() => handle.close());
}

function ignoreAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT") return undefined;
  throw error;
}
