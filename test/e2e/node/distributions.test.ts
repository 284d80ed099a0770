import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeSkipReason } from "../../support/booted-node.ts";
import { skip, startMirrorNode } from "./support/mirror-node.ts";

for (const [suite, name, systemd, containerd] of [
  ["trixie", "Debian 13", 257, "1.7"],
  ["jammy", "Ubuntu 22.04", 249, "2.2"],
] as const)
  test(`on ${name} (systemd ${systemd}, containerd ${containerd}): installed, in force, rebooted, purged`, {
    skip: skip === false ? (nodeSkipReason(suite) ?? false) : skip,
    timeout: 600_000,
  }, async (context) => {
    const { node, wish, pull, inForce } = await startMirrorNode(context, { suite, installed: false });
    assert.ok((await node.must("systemctl --version")).startsWith(`systemd ${systemd} `));
    const configuration =
      // Ubuntu's has no config.toml, and no directory for it.
      "find /etc/containerd -printf '%p %y %u:%g %m\\n' | sort; find /etc/containerd -type f -exec sha256sum {} + | sort -k 2";
    const before = await node.must(configuration);
    await node.must("dpkg -i /root/mirrorlet.deb");
    await wish(1);
    await inForce(1);
    assert.ok((await pull()).ok);
    assert.equal(
      (await node.run("systemd-analyze verify --man=no mirrorlet.service mirrorlet-helper.service")).status,
      0,
    );
    await node.reboot();
    await inForce(1);
    assert.ok((await pull()).ok);
    await node.must("dpkg --purge mirrorlet");
    assert.equal(await node.must(configuration), before);
  });
