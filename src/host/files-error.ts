import { HostError } from "../agent/ports.ts";

/** Turns what the kernel said about `path` into a HostError an operator can act on. `doing`: "write", "remove", … */
export function toHostError(error: unknown, path: string, doing: string): HostError {
  if (error instanceof HostError) return error;
  const errno = errnoOf(error);
  const known = meanings[errno];
  if (known === undefined) {
    const words = error instanceof Error ? error.message : String(error);
    const named = errno === "" ? words : `${words} (${errno})`;
    return new HostError("io", path, `cannot ${doing} ${path}: ${named}`, { retryable: true, cause: error });
  }
  return new HostError(known.code, path, `cannot ${doing} ${path}: ${known.text} (${errno})`, {
    retryable: known.retryable,
    cause: error,
  });
}

/** `ENOENT` and friends; "" for anything that is not a system error. */
export function errnoOf(error: unknown): string {
  const { code, errno } = (error ?? {}) as { readonly code?: unknown; readonly errno?: unknown };
  // libuv has no name for EDQUOT.
  if (errno === -122) return "EDQUOT";
  return typeof code === "string" ? code : "";
}

/** Failures of the whole machine: going on with the next file would only fail again. */
export function isNodeWide(error: HostError): boolean {
  return error.code === "no-space" || error.code === "io" || error.code === "too-many-files";
}

interface Meaning {
  readonly code: string;
  readonly text: string;
  readonly retryable: boolean;
}

const fullDisk: Meaning = {
  code: "no-space",
  text: "no space left, the old file stands; free space (df -h, df -i, quota) and the next pass goes on",
  retryable: true,
};
const tooManyFiles: Meaning = {
  code: "too-many-files",
  text: "no file descriptor left, nothing was changed; raise LimitNOFILE or find what leaks (lsof)",
  retryable: true,
};

const meanings: Readonly<Record<string, Meaning>> = {
  ENOSPC: fullDisk,
  EDQUOT: fullDisk,
  EMFILE: tooManyFiles,
  ENFILE: tooManyFiles,
  EIO: {
    code: "io",
    text: "the disk reported an error, the old file stands; look at dmesg and the disk's health",
    retryable: true,
  },
  EROFS: {
    code: "read-only",
    text: "the file system is read-only, the old file stands; remount it writable or allow the path in the unit (ReadWritePaths=)",
    retryable: false,
  },
  EACCES: {
    code: "denied",
    text: "permission denied; give the agent's user access to the file and its directory",
    retryable: false,
  },
  EPERM: {
    code: "denied",
    text: "not permitted although the mode allows it, so the old file stands: the file or its directory is immutable (lsattr; chattr -i), or a security module or sandbox forbids it",
    retryable: false,
  },
  EBUSY: {
    code: "busy",
    text: "it is a mount point of its own (a bind-mounted file) and cannot be replaced whole; mount its directory instead. It was not overwritten in place, because a crash would leave it half written",
    retryable: false,
  },
  EXDEV: {
    code: "other-device",
    text: "the file and its directory are on different file systems; mount the directory instead of the file",
    retryable: false,
  },
  EINTR: {
    code: "interrupted",
    text: "a signal came in between, the old file stands; the next pass tries again",
    retryable: true,
  },
  EISDIR: {
    code: "is-directory",
    text: "a directory stands where a file belongs; move it away",
    retryable: false,
  },
  ENOTDIR: {
    code: "not-a-directory",
    text: "a file stands where one of its directories belongs; move it away",
    retryable: false,
  },
  ELOOP: {
    code: "symlink-loop",
    text: "too many symbolic links; one of them points back at itself",
    retryable: false,
  },
  ENAMETOOLONG: {
    code: "name-too-long",
    text: "the name is longer than the file system allows",
    retryable: false,
  },
};
