import type { Finding } from "../finding.ts";
import { listSome } from "../list-some.ts";
import type { ProcessView } from "./process-view.ts";

const SHOWN = 5;

/** containerd in a chroot, a container or a mount namespace of its own, where configuration is another. */
export function checkMounts({ pid, seenOtherwise = [] }: ProcessView): readonly Finding[] {
  const [first] = seenOtherwise;
  if (first === undefined) return [];
  return [
    {
      code: "files-seen-otherwise",
      severity: "error",
      where: { kind: "process", pid, what: "root and mounts" },
      fact: `containerd has a root or mounts of its own, in which these are other than here or not there: ${listSome(seenOtherwise, SHOWN)}`,
      consequence: "pulls go by the files that containerd sees, not by these",
      fix: `look at what it sees with mirrorlet doctor --no-probe --root /proc/${pid}/root, and mount the directory of these files there`,
    },
  ];
}
