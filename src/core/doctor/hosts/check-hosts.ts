import { namespaceOfDirectory } from "../../render/registry-directory.ts";
import { describeFate, fateOf } from "../fate.ts";
import { atFile, type Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";

/** What directories and files of registry configuration have wrong. */
export function checkHosts(view: NodeView): readonly Finding[] {
  const inForce = view.roots.filter(({ standing }) => standing === "in-force");
  const namespaces = inForce.flatMap(({ tree }) => tree.directories.map(namespaceOf));
  return [...new Set(namespaces)].flatMap((namespace) => checkDropped(namespace, view));
}

function namespaceOf(directory: string): string {
  return namespaceOfDirectory(directory.slice(directory.lastIndexOf("/") + 1));
}

function checkDropped(namespace: string, view: NodeView): readonly Finding[] {
  const fate = fateOf(namespace, view);
  const { dropped, file = "" } = fate.byTag ?? {};
  if (dropped === undefined) return [];
  return [
    {
      code: "hosts-file-dropped",
      severity: "error",
      where: atFile({ file, line: dropped.line ?? 1, column: dropped.column ?? 1 }),
      fact: `containerd ${view.version.text} drops the whole file: ${dropped.reason}`,
      consequence: describeFate(fate),
      fix: "mend the line; containerd reads the file again at the next pull",
    },
  ];
}
