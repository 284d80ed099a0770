import assert from "node:assert/strict";
import { copyFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { labPart } from "../../support/lab-parts.ts";
import { skip, startMirrorNode } from "./support/mirror-node.ts";

const DAEMON = "systemctl show --property=MainPID --value containerd";
const JOURNAL = "journalctl --no-pager --output=cat --unit=mirrorlet";

test("others at work on the node: a second agent, root's hands, a freeze, a broken config.toml, another containerd", {
  skip,
  timeout: 600_000,
}, async (context) => {
  const { node, wish, pull, until, inForce } = await startMirrorNode(context);
  await wish(1);
  await inForce(1);
  const daemon = await node.must(DAEMON);

  // Two agents, and apply, while the unit's agent runs.
  for (const command of ["agent", "apply /etc/mirrorlet/desired-state.yaml"]) {
    const second = await node.run(`mirrorlet ${command}`);
    assert.equal(second.status, 1, second.stderr);
    assert.match(second.stderr, /another mirrorlet \(pid \d+\) is at work on this node/);
  }

  // Frozen, nothing is changed, and all of it once the freeze is over.
  await node.must("touch /etc/mirrorlet/freeze");
  await wish(2, { registries: ["gcr.io", "quay.io"] });
  await until(`${JOURNAL} | grep -qi freeze`);
  await node.must("sleep 1; test ! -e /etc/containerd/certs.d/quay.io");
  assert.ok((await pull()).ok);
  await node.must("rm /etc/mirrorlet/freeze && systemctl reload mirrorlet");
  await inForce(2);

  // By root's hand while the agent is stopped: its files stay the agent's.
  await node.must("systemctl stop mirrorlet && mirrorlet apply /etc/mirrorlet/desired-state.yaml");
  assert.equal(
    await node.must("find /etc/containerd/certs.d /var/lib/mirrorlet -mindepth 1 -not -user mirrorlet"),
    "",
  );
  await node.must("systemctl start mirrorlet");
  await inForce(2);
  assert.equal(await node.must(DAEMON), daemon, "nothing of this restarts containerd");

  // Somebody breaks config.toml: the daemon that runs is left alone, and what is wrong is told.
  await node.must(
    "cp -p /etc/containerd/config.toml /root/config.toml && echo 'root = [' >>/etc/containerd/config.toml",
  );
  await until("mirrorlet status | grep -q 'config.toml'");
  assert.ok((await pull()).ok);
  assert.equal(await node.must(DAEMON), daemon);
  await node.must("cat /root/config.toml >/etc/containerd/config.toml");
  await inForce(2);

  // The distribution's containerd is upgraded under the running agent.
  const bin = await labPart("containerd-2.1");
  for (const name of await readdir(bin)) {
    await node.must(`rm -f /usr/bin/${name}`);
    await copyFile(join(bin, name), node.path(`/usr/bin/${name}`));
  }
  // The next resync would see it.
  await node.must("systemctl restart containerd && systemctl reload mirrorlet");
  await until("mirrorlet status | grep -q 'containerd 2.1'");
  await inForce(2);
  await until("mirrorlet doctor --no-probe; test $? -le 1");
  assert.ok((await pull()).ok);
});
