/** A bundle cannot be written. The message names the file and what to do. */
export class WriteError extends Error {
  override readonly name = "WriteError";
}

/** What the machine says when it takes no more. */
export function unwritable(path: string, error: unknown): WriteError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT")
    return new WriteError(`${path}: no space left there; free some, or write to another disk`, {
      cause: error,
    });
  if (code === "EFBIG")
    return new WriteError(`${path}: that file system takes no file as large; add --split-size`, {
      cause: error,
    });
  if (code === "ENOENT") return new WriteError(`${path}: there is no such folder`, { cause: error });
  if (code === "EACCES" || code === "EPERM" || code === "EROFS")
    return new WriteError(`${path}: no permission to write there`, { cause: error });
  if (code === "EPIPE") return new WriteError(`${path}: whoever was to take it has gone`, { cause: error });
  return new WriteError(`${path}: cannot be written: ${message}`, { cause: error });
}
