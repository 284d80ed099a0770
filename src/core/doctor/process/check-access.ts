import { atPath, type Finding } from "../finding.ts";
import type { ProcessView } from "./process-view.ts";

/** Anything but absence is an error for containerd, and no other host is tried. */
export function checkAccess({ pid, uid, unreadable = [] }: ProcessView): readonly Finding[] {
  const [first, ...more] = unreadable;
  if (first === undefined) return [];
  const others = more.length === 0 ? "" : `, nor ${more.length} more below the same directories`;
  return [
    {
      code: "files-unreadable",
      severity: "error",
      where: atPath(first),
      fact: `containerd (pid ${pid}) runs as user ${uid ?? "unknown"} and may not read ${first}${others}`,
      consequence: `pulls that lead there fail with "permission denied"; no mirror and no registry is asked`,
      fix: `chmod a+r the files and chmod a+rx the directories that lead to ${first}; containerd looks again at the next pull`,
    },
  ];
}
