import { EngineError } from "../engine-error.ts";

/** What a failed system call means for the caller; an EngineError stays what it is. */
export function toJournalError(error: unknown, path: string, applied: "no" | "unknown" = "no"): EngineError {
  if (error instanceof EngineError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  const words = `journal ${path}: ${message}`;
  if (code === "ENOSPC" || code === "EDQUOT")
    return new EngineError("no-space", words, { applied, cause: error });
  if (code === "EACCES" || code === "EPERM" || code === "EROFS")
    return new EngineError("denied", words, { applied, cause: error });
  return new EngineError("unavailable", words, { applied, cause: error });
}
