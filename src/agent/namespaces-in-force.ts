import { isOwned } from "../core/file-tree.ts";
import { namespaceOfDirectory } from "../core/render/registry-directory.ts";
import { isMoved } from "../core/render/render-migrated.ts";
import type { ApplyRecord } from "./apply-record.ts";
import type { PassContext } from "./pass-context.ts";

/**
 * Host namespaces that have mirrors of ours now. Without a record (lost, or the node came from an image that was
 * rendered beforehand) the node's own files tell, so that a desired state cannot strip it unnoticed.
 */
export async function namespacesInForce(
  record: ApplyRecord,
  { ports, config }: PassContext,
): Promise<readonly string[]> {
  if (record.digest !== undefined) return record.namespaces;
  const { root, files } = await ports.files.readTree(config.containerd.certsD);
  return files
    .filter(({ path, bytes }) => path.endsWith("/hosts.toml") && isOwned(bytes) && !isMoved(bytes))
    .map(({ path }) => namespaceOfDirectory(path.slice(root.length + 1, -"/hosts.toml".length)));
}
