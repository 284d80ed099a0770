import { isOwned, type RenderedFile } from "../file-tree.ts";
import type { ObservedTree } from "../host-state.ts";
import { equalBytes } from "./equal-bytes.ts";
import type { FileChange } from "./plan-certs.ts";
import type { Step } from "./step.ts";

/** The PEM files of the legacy style, which live in a directory of their own. */
export function planLegacyFiles(files: readonly RenderedFile[], observed: ObservedTree) {
  const present = new Map(observed.files.map((file) => [file.path, file]));
  const wanted = new Set(files.map((file) => file.path));
  const written = files.filter((file) => {
    const now = present.get(file.path);
    return now === undefined || now.mode !== file.mode || !equalBytes(now.bytes, file.bytes);
  });
  const removed = observed.files.filter((file) => isOwned(file.bytes) && !wanted.has(file.path));
  const writes: readonly Step[] = written.length === 0 ? [] : [{ kind: "write-files", files: written }];
  const paths = removed.map((file) => file.path);
  const removals: readonly Step[] = paths.length === 0 ? [] : [{ kind: "remove-files", paths }];
  const changes: readonly FileChange[] = [
    ...written.map(({ path, bytes: after, secret }) => ({
      path,
      before: present.get(path)?.bytes,
      after,
      secret,
    })),
    ...removed.map(({ path, bytes: before }) => ({ path, before, after: undefined, secret: true })),
  ];
  return { writes, removals, changes };
}
