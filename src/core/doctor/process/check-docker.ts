import { describeFate, fateOf, hasMirror } from "../fate.ts";
import type { Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import type { ProcessView } from "./process-view.ts";

/** Docker Hub has a mirror here, and a Docker Engine that runs beside containerd does not know of it. */
export function checkDocker(view: NodeView, { docker }: ProcessView): readonly Finding[] {
  if (docker === undefined || docker.hasMirrors) return [];
  const fate = fateOf("docker.io", view);
  if (!hasMirror(fate)) return [];
  return [
    {
      code: "docker-without-mirrors",
      severity: "info",
      where: { kind: "file", at: { file: "/etc/docker/daemon.json", line: 1, column: 1 } },
      fact: `a Docker Engine listens at ${docker.socket}, has no "registry-mirrors", and reads no hosts.toml of containerd's`,
      consequence: `what is pulled with docker goes straight to its registry; through containerd, ${describeFate(fate)}`,
      fix: `add "registry-mirrors" to /etc/docker/daemon.json and restart docker, which mirrors Docker Hub only, or pull with crictl`,
    },
  ];
}
