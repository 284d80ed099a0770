import type { HostTree } from "../core/containerd/host-tree.ts";
import { type Files, HostError, type ObservedFile } from "./ports.ts";

/** TLS files that stand outside the registry directories. */
export interface OutsideFiles {
  readonly tree: HostTree;
  /** Those that could be read. */
  readonly files: readonly ObservedFile[];
  /** Those that this user may not read. */
  readonly denied: readonly string[];
}

/** One that is there but cannot be read is known as just that. */
export async function readOutside(
  paths: readonly string[],
  files: Pick<Files, "read">,
): Promise<OutsideFiles> {
  const read = new Map<string, ObservedFile | undefined>();
  const denied: string[] = [];
  for (const path of paths) {
    try {
      const file = await files.read(path);
      if (file !== undefined) read.set(path, file);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      read.set(path, undefined);
      if (error.code === "denied") denied.push(path);
    }
  }
  const tree: HostTree = {
    kindOf: (path) => (read.has(path) ? "file" : undefined),
    readFile: (path) => read.get(path)?.bytes,
    listFiles: () => [],
  };
  return { tree, files: [...read.values()].filter((file) => file !== undefined), denied };
}
