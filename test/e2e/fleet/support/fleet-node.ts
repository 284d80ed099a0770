import { copyFile, writeFile } from "node:fs/promises";
import { type BootedNode, bootNode } from "../../../support/booted-node.ts";
import { builtPackage } from "../../../support/built-package.ts";
import { type LabPull, pullImage, removeImage } from "../../../support/cri-client.ts";
import { WAIT_LIMIT_MS } from "../../../support/wait-limit.ts";
import { CHANNEL, FLEET, type FleetLab } from "./fleet-lab.ts";

/** A booted node that a fleet's feed leads. */
export interface FleetNode {
  readonly id: string;
  readonly kind: string;
  readonly node: BootedNode;
  /** Removed first, so that it is fetched. */
  pull(image: string): Promise<LabPull>;
  /** Bytes, times and inodes of what is in certs.d. */
  files(): Promise<string>;
  /** How often a pass brought that generation into force. */
  applied(generation: number): Promise<number>;
}

/** `ports`: of this machine's that the node reaches. */
export async function startFleetNode(
  lab: FleetLab,
  id: string,
  kind: string,
  ports: readonly number[],
): Promise<FleetNode> {
  const node = await bootNode({ containerd: "2.1" });
  try {
    for (const port of [lab.port, ...ports]) await node.expose(port);
    await copyFile(await builtPackage(), node.path("/root/mirrorlet.deb"));
    await node.must("dpkg -i /root/mirrorlet.deb && mkdir -p /etc/mirrorlet/feed", 180_000);
    const { cert, key } = await lab.issueNode(id);
    const put = (name: string, text: string) => writeFile(node.path(`/etc/mirrorlet/${name}`), text);
    await put("feed/ca.pem", lab.ca);
    await put("feed/cert.pem", cert);
    await put("feed/key.pem", key);
    await put("trust.pub", lab.trust);
    await put("agent.toml", agentToml(lab.port, id, kind));
    await node.must(
      "chown root:mirrorlet /etc/mirrorlet/feed/key.pem && chmod 640 /etc/mirrorlet/feed/key.pem && systemctl restart mirrorlet",
    );
  } catch (error) {
    await node.stop();
    throw error;
  }
  return {
    id,
    kind,
    node,
    async pull(image) {
      const socket = node.path("/run/containerd/containerd.sock");
      await removeImage(socket, image).catch(() => undefined);
      return pullImage(socket, image, undefined, WAIT_LIMIT_MS);
    },
    files: () =>
      node.must(
        "cd /etc/containerd && find certs.d -type f -printf '%p %i %T@ ' -exec sha256sum {} ';' | sort",
      ),
    async applied(generation) {
      const line = new RegExp(`outcome=applied .*\\bgeneration=${generation}\\b`);
      return (await node.journal("mirrorlet")).split("\n").filter((one) => line.test(one)).length;
    },
  };
}

const agentToml = (port: number, id: string, kind: string): string => `[node]
id = "${id}"
fleet = "${FLEET}"
channel = "${CHANNEL}"
labels = ["class=${kind}"]
[feed]
address = "127.0.0.1:${port}"
ca = "/etc/mirrorlet/feed/ca.pem"
cert = "/etc/mirrorlet/feed/cert.pem"
key = "/etc/mirrorlet/feed/key.pem"
[trust]
keys = ["/etc/mirrorlet/trust.pub"]
[evidence]
canary_interval = "10s"
probe_interval = "10s"
`;
