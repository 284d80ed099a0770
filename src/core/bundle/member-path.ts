import { BUNDLE_LIMITS } from "./bundle-limits.ts";

/** `why` completes "its path …". */
export type CleanPath =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly why: string };

/** A path below the root of an archive, without `.`, `//` and an end of `/`; "" is the root itself. */
export function cleanPath(name: string): CleanPath {
  if (name === "") return { ok: false, why: "is empty" };
  if (name.length > BUNDLE_LIMITS.pathLength) return { ok: false, why: `has ${name.length} characters` };
  if (name.startsWith("/")) return { ok: false, why: "is absolute" };
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) return { ok: false, why: "leads out of the archive" };
  return { ok: true, path: parts.join("/") };
}

/** Where a symbolic link at `path` leads, as a path below the root. */
export function followSymlink(path: string, target: string): CleanPath {
  if (target.startsWith("/")) return { ok: false, why: "leads to an absolute path" };
  const parts = path.split("/").slice(0, -1);
  for (const part of target.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return { ok: false, why: "leads out of the archive" };
  }
  return { ok: true, path: parts.join("/") };
}
