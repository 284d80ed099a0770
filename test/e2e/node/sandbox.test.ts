import assert from "node:assert/strict";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { BootedNode } from "../../support/booted-node.ts";
import { skip, startMirrorNode } from "./support/mirror-node.ts";

/** Only these, of all that support/sandbox-probe.sh tries. */
const AGENT = [
  "write certs.d",
  "internet socket",
  "privileged port",
  "helper's socket",
  "memory written and run",
];

/** It is root, and is there to do this; what it is asked for it judges by its own rules. */
const HELPER = [
  "write units",
  "write config.toml",
  "write /etc/containerd",
  "write certs.d",
  "remove what others have in certs.d",
  "rename what others have in certs.d",
  "read /root",
  "read /etc/shadow",
  "chown",
  "D-Bus: systemd-run",
  "D-Bus: call systemd",
  "containerd's socket",
  "signal to containerd",
  "containerd's environment",
  "containerd's root",
  "helper's socket",
];

/** The one process does it all: whoever takes it over has the node, by D-Bus. */
const ROOTED = [...HELPER, "internet socket", "privileged port", "memory written and run"];

test("what a process can do inside of the units, and no more", {
  skip,
  timeout: 600_000,
}, async (context) => {
  const { node, wish, inForce } = await startMirrorNode(context);
  await wish(1);
  await inForce(1);
  await copyFile(
    join(import.meta.dirname, "support/sandbox-probe.sh"),
    node.path("/usr/local/bin/sandbox-probe"),
  );
  await node.must(
    "mkdir -p /etc/containerd/certs.d/foreign && echo secret >/root/secret && chmod 600 /root/secret",
  );

  const unconfined = await possible(node, undefined);
  context.diagnostic(`without a sandbox, root can do ${unconfined.length} of them`);
  for (const name of [...ROOTED, "write /usr", "write /run", "mount", "setuid bit", "trace containerd"])
    assert.ok(unconfined.includes(name), `the probe tries nothing: ${name}`);

  assert.deepEqual(await possible(node, "mirrorlet.service"), [...AGENT].sort());
  assert.deepEqual(await possible(node, "mirrorlet-helper.service"), [...HELPER].sort());
  assert.deepEqual(
    await possible(node, "mirrorlet.service", "/usr/lib/mirrorlet/rooted.conf"),
    [...ROOTED].sort(),
  );
});

/** Runs the probe in place of the unit's program; without a unit in none of its confinement. */
async function possible(
  node: BootedNode,
  unit: string | undefined,
  dropIn?: string,
): Promise<readonly string[]> {
  const pid = (await node.must("systemctl show --property=MainPID --value containerd")).trim();
  const at = "/etc/systemd/system/probe.service";
  await node.must(
    `rm -rf ${at} ${at}.d /var/probe.out; mkdir -p ${at}.d /etc/containerd/certs.d/foreign && touch /etc/containerd/certs.d/foreign/hosts.toml`,
  );
  if (unit !== undefined) await node.must(`cp /lib/systemd/system/${unit} ${at}`);
  if (dropIn !== undefined) await node.must(`cp ${dropIn} ${at}.d/10.conf`);
  await writeFile(
    node.path(`${at}.d/20.conf`),
    `[Service]
Type=oneshot
ExecStart=
ExecStart=/bin/sh /usr/local/bin/sandbox-probe
Restart=no
WatchdogSec=0
Environment=CONTAINERD=${pid}
StandardOutput=file:/var/probe.out
`,
  );
  if (unit === undefined) await node.must(`printf '[Unit]\\n' >${at}`);
  await node.must("systemctl daemon-reload && systemctl start probe.service");
  return (await node.must("cat /var/probe.out")).trim().split("\n").sort();
}
