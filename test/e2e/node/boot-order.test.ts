import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { type BlackHole, startBlackHole } from "../../support/black-hole.ts";
import type { BootedNode } from "../../support/booted-node.ts";
import { momentOf, skip, startMirrorNode } from "./support/mirror-node.ts";

const KUBELET = `[Unit]
Description=stands for kubelet
After=containerd.service
[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
`;

const SLOW_NETWORK = `[Unit]
Description=stands for a network that comes late
Wants=network-online.target
Before=network-online.target
[Service]
Type=oneshot
ExecStart=/bin/sleep 15
[Install]
WantedBy=multi-user.target
`;

/** TimeoutStartSec= of the unit, and what a slow machine adds. */
const LONGEST_S = 60;

test("kubelet starts after the mirrors are in place, and soon when the agent hangs, fails, or hears nothing", {
  skip,
  timeout: 600_000,
}, async (context) => {
  const { node, wish, inForce } = await startMirrorNode(context);
  const blackHole = await startBlackHole();
  context.after(() => blackHole.stop());
  await writeFile(node.path("/etc/systemd/system/kubelet.service"), KUBELET);
  await node.must("systemctl enable kubelet");
  const told = (how: string, seconds: number): void =>
    context.diagnostic(`kubelet starts ${seconds.toFixed(1)} s after the agent: ${how}`);

  // The change is made at boot: what is ordered behind it finds it done.
  await node.must("systemctl stop mirrorlet");
  await wish(1);
  told("all is well, config.toml changes and containerd is restarted", await bootedAfter(node));
  await inForce(1);
  const applied = await momentOf(node, "mirrorlet.service", /outcome=applied generation=1/);
  assert.ok(applied < (await momentOf(node, "kubelet.service", /Started kubelet/)));

  await wish(2, { mirror: await hole(node, blackHole) });
  told("no mirror ever answers", await bootedAfter(node));

  await writeFile(node.path("/etc/systemd/system/slow-network.service"), SLOW_NETWORK);
  await node.must("systemctl enable slow-network");
  await bootedAfter(node);
  const online = await momentOf(node, "slow-network.service", /Finished slow-network|Finished stands/);
  assert.ok((await momentOf(node, "kubelet.service", /Started kubelet/)) < online);
  await node.must("systemctl disable slow-network");

  const helper = "/etc/systemd/system/mirrorlet-helper.service.d";
  await node.must(`mkdir -p ${helper}`);
  await writeFile(node.path(`${helper}/harm.conf`), "[Service]\nExecStart=\nExecStart=/bin/sleep infinity\n");
  told("the first pass does not end, for the helper never answers", await bootedAfter(node));
  await node.must(`rm -r ${helper}`);

  for (const [how, dropIn, config] of [
    ["agent.toml is faulty", "", "nonsense = 1"],
    ["it ends at once", "[Service]\\nExecStart=\\nExecStart=/bin/false", ""],
    [
      "it hangs",
      '[Service]\\nTimeoutStartSec=4\\nExecStart=\\nExecStart=/bin/sh -c "trap true TERM; while true; do sleep 1; done"',
      "",
    ],
  ] as const) {
    await node.must(
      `mkdir -p /etc/systemd/system/mirrorlet.service.d; printf '${dropIn.replaceAll("'", "")}\\n' >/etc/systemd/system/mirrorlet.service.d/harm.conf; echo '${config}' >/etc/mirrorlet/agent.toml`,
    );
    told(how, await bootedAfter(node));
  }
  const shown = await node.must(
    "systemctl show --property=TimeoutStartUSec mirrorlet; rm -r /etc/systemd/system/mirrorlet.service.d; systemctl daemon-reload; systemctl show --property=TimeoutStartUSec,TimeoutStartFailureMode mirrorlet",
  );
  assert.match(shown, /=4s\n.*=45s\n.*=kill/s);
});

/** How long after the agent's start the kubelet's is, in seconds. */
async function bootedAfter(node: BootedNode): Promise<number> {
  await node.reboot();
  const agent = await momentOf(node, "mirrorlet.service", /Starting mirrorlet/);
  const kubelet = await momentOf(node, "kubelet.service", /Started kubelet/);
  assert.ok(kubelet - agent < LONGEST_S, `${kubelet - agent} s`);
  return kubelet - agent;
}

async function hole(node: BootedNode, { host }: BlackHole): Promise<string> {
  await node.expose(Number(host.split(":")[1]));
  return host;
}
