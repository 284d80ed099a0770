import { statSync } from "node:fs";
import type { Containerd } from "../agent/ports.ts";
import { createContainerdBinary } from "./containerd-binary.ts";
import { askHealth } from "./containerd-health.ts";
import { reloadUnits, restartContainerd, unitAwaitsReload } from "./containerd-restart.ts";
import { tracingVerbs } from "./containerd-tracing.ts";
import { createCriClient } from "./cri-client.ts";
import { createHostRoot } from "./files-root.ts";
import { createImageStore } from "./image-store.ts";
import { pullImageWith } from "./pull-image.ts";
import { readPodsInMaking } from "./unit-journal.ts";
import { readUnitState } from "./unit-state.ts";

export interface ContainerdOptions {
  /** A name to look up in the usual directories, or a path. */
  readonly binary: string;
  readonly socket: string;
  /** Program and arguments; no shell. */
  readonly restart: readonly string[];
  /** `--root DIR`, put before the binary, the socket and configuration files. */
  readonly root?: string;
}

/** The containerd of this node: its binary, its unit, its socket. */
export function createContainerd({ binary, socket, restart, root = "/" }: ContainerdOptions): Containerd {
  const hostSocket = createHostRoot(root).toHost(socket);
  const connect = createCriClient(hostSocket);
  const { version, dumpConfig } = createContainerdBinary(binary, root);
  return {
    version,
    dumpConfig,
    restart: (signal) => restartContainerd(restart, signal),
    unitState: () => readUnitState(restart),
    reloadUnits: () => reloadUnits(restart),
    unitAwaitsReload: () => unitAwaitsReload(restart),
    podsInMaking: () => readPodsInMaking(restart, root),
    startedMs: async () => startedMsOf(hostSocket),
    instance: async () => instanceOf(hostSocket),
    health: (signal) => askHealth(connect, signal),
    ...tracingVerbs(connect, hostSocket, () => instanceOf(hostSocket)),
    pullImage: pullImageWith(connect),
    images: createImageStore(connect),
  };
}

function startedMsOf(hostSocket: string): number | undefined {
  const stats = statSync(hostSocket, { throwIfNoEntry: false });
  return stats?.isSocket() === true ? stats.ctimeMs : undefined;
}

// containerd removes and makes its socket anew at every start. The inode alone may be given out again at once.
function instanceOf(hostSocket: string): string | undefined {
  const stats = statSync(hostSocket, { bigint: true, throwIfNoEntry: false });
  return stats?.isSocket() === true ? `${stats.ino}:${stats.ctimeNs}` : undefined;
}
