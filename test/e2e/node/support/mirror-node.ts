import { copyFile, rename, writeFile } from "node:fs/promises";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type BootedNode, bootNode, nodeSkipReason, type Suite } from "../../../support/booted-node.ts";
import { builtPackage, packageSkipReason } from "../../../support/built-package.ts";
import { type LabPull, pullImage, removeImage } from "../../../support/cri-client.ts";
import { pushImage } from "../../../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../../../support/registry.ts";
import { WAIT_LIMIT_MS } from "../../../support/wait-limit.ts";

/** For the `skip` option of tests on a node with the package. */
export const skip = nodeSkipReason() ?? packageSkipReason() ?? false;

/** A booted node with the package on it, and a mirror of this machine's that it reaches. */
export interface MirrorNode {
  readonly node: BootedNode;
  readonly mirror: LabRegistry;
  /** As an administrator does it: whole, under its name, at once. */
  wish(generation: number, options?: WishOptions): Promise<void>;
  /** `gcr.io/library/app:1`, which only the mirror has. */
  pull(): Promise<LabPull>;
  /** Until the script succeeds on the node; rejects with the agent's last words after a minute. */
  until(script: string): Promise<void>;
  /** Until that generation is in force and nothing is left to do. */
  inForce(generation: number): Promise<void>;
}

export interface WishOptions {
  /** host:port of the mirror; the node's own by default. */
  readonly mirror?: string;
  readonly registries?: readonly string[];
  readonly canaries?: readonly string[];
}

export const IMAGE = "gcr.io/library/app:1";

export interface MirrorNodeOptions {
  readonly suite?: Suite;
  readonly containerd?: "1.6" | "2.1";
  /** Without it the package lies at `/root/mirrorlet.deb`, and no more. */
  readonly installed?: boolean;
  /** The drop-in rooted.conf is there before the agent starts. */
  readonly rooted?: boolean;
  /** Without it: no canary, and rounds of probes as far apart as they may be. */
  readonly agentToml?: string;
}

export async function startMirrorNode(
  context: TestContext,
  {
    suite = "bookworm",
    containerd = "1.6",
    installed = true,
    rooted = false,
    agentToml,
  }: MirrorNodeOptions = {},
): Promise<MirrorNode> {
  const deb = await builtPackage();
  const mirror = await startRegistry();
  context.after(() => mirror.stop());
  const node = await bootNode({ suite, containerd });
  context.after(() => node.stop());
  await node.expose(Number(mirror.host.split(":")[1]));
  await pushImage(mirror, "team/library/app", "1");
  await copyFile(deb, node.path("/root/mirrorlet.deb"));
  if (agentToml !== undefined) {
    await node.must("mkdir -p /etc/mirrorlet");
    await writeFile(node.path("/etc/mirrorlet/agent.toml"), agentToml);
  }
  if (rooted)
    await node.must(
      "dpkg-deb --fsys-tarfile /root/mirrorlet.deb | tar xO ./usr/lib/mirrorlet/rooted.conf >/root/rooted.conf && install -D -m 644 /root/rooted.conf /etc/systemd/system/mirrorlet.service.d/rooted.conf",
    );
  if (installed) await node.must("dpkg --force-confold -i /root/mirrorlet.deb");
  const until = async (script: string): Promise<void> => {
    const { status } = await node.run(
      `for i in $(seq ${WAIT_LIMIT_MS / 100}); do { ${script}
} >/dev/null 2>&1 && exit 0; sleep 0.1; done; exit 1`,
      2 * WAIT_LIMIT_MS,
    );
    if (status === 0) return;
    const words = await node.run(
      "systemctl status --no-pager --lines=0 mirrorlet mirrorlet-helper containerd; journalctl --no-pager -u mirrorlet -u mirrorlet-helper -u containerd | tail -n 40",
    );
    throw new Error(`not so on the node: ${script}\n${words.stdout}`);
  };
  return {
    node,
    mirror,
    until,
    async wish(generation, { mirror: host = mirror.host, registries = ["gcr.io"], canaries = [] } = {}) {
      const file = node.path("/etc/mirrorlet/desired-state.yaml");
      await writeFile(`${file}.new`, desiredState(generation, host, registries, canaries));
      await rename(`${file}.new`, file);
    },
    async pull() {
      const socket = node.path("/run/containerd/containerd.sock");
      await removeImage(socket, IMAGE).catch(() => undefined);
      return pullImage(socket, IMAGE, undefined, WAIT_LIMIT_MS);
    },
    inForce: (generation) =>
      until(
        `mirrorlet status | grep -q 'generation ${generation} in force' && mirrorlet status --json | grep -q '"type": *"Ready"'`,
      ),
  };
}

function desiredState(
  generation: number,
  host: string,
  registries: readonly string[],
  canaries: readonly string[],
): string {
  return `apiVersion: mirrorlet/v1
kind: RegistryMirrors
generation: ${generation}
registryMirrors:
  - endpoint: http://${host}/v2/team
    hosts: [${registries.join(", ")}]
canaries: [${canaries.join(", ")}]
`;
}

/** Seconds since the node's kernel has started, as its journal counts: of the first line that matches. */
export async function momentOf(node: BootedNode, unit: string, words: RegExp): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const lines = await node.must(
      `journalctl --boot --no-pager --output=short-monotonic _SYSTEMD_UNIT=${unit} + UNIT=${unit}`,
    );
    const line = lines.split("\n").find((one) => words.test(one));
    const moment = /^\[\s*([\d.]+)\]/.exec(line ?? "")?.[1];
    if (moment !== undefined) return Number(moment);
    if (attempt === WAIT_LIMIT_MS / 100) throw new Error(`${unit} never says ${words}:\n${lines}`);
    await sleep(100);
  }
}
