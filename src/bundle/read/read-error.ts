import { BundleError } from "../../core/bundle/bundle-error.ts";

/** What the machine says when it does not give out a file. */
export function unreadable(path: string, error: unknown): BundleError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR")
    return new BundleError("unknown", `${path}: there is no such file`);
  if (code === "EACCES" || code === "EPERM")
    return new BundleError("unreadable", `${path}: no permission to read it`, error);
  return new BundleError("unreadable", `${path}: cannot be read: ${message}`, error);
}
