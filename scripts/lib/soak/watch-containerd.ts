import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { BootedNode } from "../../../test/support/booted-node.ts";
import { waitForCri } from "../../../test/support/cri-client.ts";
import { outerPid } from "./measure-process.ts";
import type { Timeline } from "./timeline.ts";

/** Sees every restart of containerd, and knows whose it was. */
export interface ContainerdWatch {
  /** As it is here; undefined while it is down. */
  pid(): number | undefined;
  /** A restart that is not the agent's. Resolves when CRI answers again. */
  restartByOthers(): Promise<void>;
  stop(): Promise<void>;
}

export async function watchContainerd(
  node: BootedNode,
  socket: string,
  timeline: Timeline,
): Promise<ContainerdWatch> {
  let pid = await findPid(node);
  let byOthers = false;
  let stopped = false;
  const watch = (async () => {
    while (!stopped) {
      if (pid !== undefined && !byOthers && !existsSync(`/proc/${pid}`)) {
        const end = timeline.begin({ kind: "restart", by: "agent" });
        pid = await untilUp(node, socket);
        end();
      }
      await sleep(40);
    }
  })();
  return {
    pid: () => pid,
    async restartByOthers() {
      byOthers = true;
      const end = timeline.begin({ kind: "restart", by: "others" });
      try {
        await node.run("systemctl restart containerd");
        pid = await untilUp(node, socket);
      } finally {
        end();
        byOthers = false;
      }
    },
    async stop() {
      stopped = true;
      await watch;
    },
  };
}

async function untilUp(node: BootedNode, socket: string): Promise<number | undefined> {
  await waitForCri(socket).catch(() => {});
  return findPid(node);
}

async function findPid(node: BootedNode): Promise<number | undefined> {
  const { stdout } = await node.run("systemctl show --property=MainPID --value containerd");
  return Number(stdout) > 0 ? outerPid(node.leader, Number(stdout)) : undefined;
}
