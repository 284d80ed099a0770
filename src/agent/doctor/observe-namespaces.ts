import { parseImageReference } from "../../core/containerd/image-reference.ts";
import type { ImageStore } from "../evidence/image-store.ts";

/** Far more than a node has; beyond it there is nothing new to learn. */
const MAX_NAMESPACES = 200;

/** Host namespaces of the images on the node, the sandbox image included; undefined: containerd does not tell. */
export async function observeNamespaces(
  images: Pick<ImageStore, "records">,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const records = await images.records("all", signal);
  if (records === undefined) return undefined;
  const namespaces = new Set<string>();
  for (const { name } of records) {
    // An image's ID is a record of its own.
    if (name.startsWith("sha256:")) continue;
    const parsed = parseImageReference(name);
    if (parsed.ok && namespaces.size < MAX_NAMESPACES) namespaces.add(parsed.reference.namespace);
  }
  return [...namespaces].sort();
}
