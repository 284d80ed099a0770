import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { type BootedNode, nodeSkipReason } from "../../support/booted-node.ts";
import { runPodSandbox, waitForCri } from "../../support/cri-client.ts";
import { pushImage } from "../../support/push-image.ts";
import { skip, startMirrorNode } from "./support/mirror-node.ts";

/** Pods get their address from a plugin that waits until `/run/cni-goes-on` is there. */
async function giveNetwork(node: BootedNode): Promise<void> {
  const answer = {
    cniVersion: "0.4.0",
    interfaces: [{ name: "eth0", sandbox: "/here" }],
    ips: [{ version: "4", address: "10.9.0.2/24", interface: 0 }],
  };
  const plugins = {
    loopback: `[ "$CNI_COMMAND" != ADD ] || echo '{"cniVersion":"0.4.0"}'`,
    slow: `[ "$CNI_COMMAND" = ADD ] || exit 0
for i in $(seq 600); do [ -e /run/cni-goes-on ] && break; sleep 0.1; done
echo '${JSON.stringify(answer)}'`,
  };
  await mkdir(node.path("/opt/cni/bin"), { recursive: true });
  for (const [name, script] of Object.entries(plugins)) {
    await writeFile(node.path(`/opt/cni/bin/${name}`), `#!/bin/sh\n${script}\n`);
    await chmod(node.path(`/opt/cni/bin/${name}`), 0o755);
  }
  const network = { cniVersion: "0.4.0", name: "lab", plugins: [{ type: "slow" }] };
  await mkdir(node.path("/etc/cni/net.d"), { recursive: true });
  await writeFile(node.path("/etc/cni/net.d/10-lab.conflist"), JSON.stringify(network));
  // A pod gets a copy of it.
  await writeFile(node.path("/etc/hosts"), "127.0.0.1 localhost\n");
}

const OF_1 = (image: string): string =>
  `version = 2\n[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "${image}"\n[plugins."io.containerd.grpc.v1.cri".cni]\nbin_dir = "/opt/cni/bin"\n`;
const OF_2 = (image: string): string =>
  `version = 3\n[plugins."io.containerd.cri.v1.images".pinned_images]\nsandbox = "${image}"\n`;

/** From 2.2 on the log names pods in another form. */
const NODES = {
  "1.6": { suite: "bookworm", config: OF_1 },
  "1.7": { suite: "trixie", config: OF_1 },
  "2.1": { suite: "bookworm", containerd: "2.1", config: OF_2 },
  "2.2": { suite: "jammy", config: OF_2 },
} as const;

const DAEMON = "systemctl show --property=MainPID --value containerd";
const WAITS = "the restart of containerd waits for pods that are being made.*default/web-1";

for (const [release, { config, ...options }] of Object.entries(NODES))
  test(`containerd ${release} is not restarted while it makes a pod`, {
    skip: skip === false ? (nodeSkipReason(options.suite) ?? false) : skip,
    timeout: 300_000,
  }, async (context) => {
    const { node, mirror, wish, until, inForce } = await startMirrorNode(context, options);
    await pushImage(mirror, "pause", "1");
    await giveNetwork(node);
    await mkdir(node.path("/etc/containerd"), { recursive: true });
    await writeFile(node.path("/etc/containerd/config.toml"), config(`${mirror.host}/pause:1`));
    await node.must("systemctl restart containerd");
    const socket = node.path("/run/containerd/containerd.sock");
    await waitForCri(socket);
    const daemon = await node.must(DAEMON);

    const pod = runPodSandbox(socket, "web-1");
    await until("journalctl --no-pager --unit=containerd | grep -qi 'RunPodSandbox for.*web-1'");
    await wish(1);
    await until(`journalctl --no-pager --output=cat --unit=mirrorlet | grep -q '${WAITS}'`);
    assert.equal(await node.must(DAEMON), daemon);
    await node.must("touch /run/cni-goes-on");
    // The node may not write control groups of the machine's, so that the pod ends at runc: an answer, too. A restart
    // gives none: UNAVAILABLE.
    const [code, words] = await pod;
    assert.match(`${code} ${words}`, /^OK |^UNKNOWN .*runc create failed/);
    await inForce(1);
    assert.notEqual(await node.must(DAEMON), daemon);
  });
