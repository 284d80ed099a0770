import { parseImageReference } from "../containerd/image-reference.ts";

/** Whether images can be pulled under this name: `lost+found` and `backup` are directories like any other. */
export function isHostNamespace(namespace: string): boolean {
  if (namespace === "*") return true;
  const parsed = parseImageReference(`${namespace}/x`);
  return parsed.ok && parsed.reference.namespace === namespace;
}
