import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { bootNode, nodeSkipReason } from "./booted-node.ts";
import { pullImage } from "./cri-client.ts";
import { pushImage } from "./push-image.ts";
import { startRegistry } from "./registry.ts";

const skip = nodeSkipReason() ?? false;

for (const containerd of ["1.6", "2.1"] as const) {
  test(`a node boots, pulls from a registry of the test, and is the same after a reboot and a crash (containerd ${containerd})`, {
    skip,
    timeout: 120_000,
  }, async (context) => {
    const registry = await startRegistry();
    context.after(() => registry.stop());
    const { host } = registry;
    const node = await bootNode({ containerd });
    context.after(() => node.stop());
    await node.expose(Number(host.split(":")[1]));
    assert.match(
      await node.must("containerd --version"),
      new RegExp(` v?${containerd}\\.`.replace(".", "\\.")),
    );
    await pushImage(registry, "team/app", "1");
    const pulled = await pullImage(
      node.path("/run/containerd/containerd.sock"),
      `${host}/team/app:1`,
      undefined,
      20_000,
    );
    assert.ok(pulled.ok, JSON.stringify(pulled));
    assert.ok(registry.requests().some(({ path }) => path.includes("/team/app/manifests/1")));

    await node.must("echo kept > /etc/kept");
    for (const again of ["reboot", "crash"] as const) {
      const before = node.leader;
      await node[again]();
      assert.notEqual(node.leader, before);
      assert.equal(await node.must("cat /etc/kept"), "kept\n");
      assert.equal((await node.must("systemctl is-active containerd")).trim(), "active");
    }
  });
}

test("two nodes at a time have each a control group of their own", {
  skip,
  timeout: 120_000,
}, async (context) => {
  const groups = async (): Promise<string> => {
    const node = await bootNode();
    context.after(() => node.stop());
    return (
      /:(?:name=systemd)?:(.*)\/init\.scope$/m.exec(
        await readFile(`/proc/${node.leader}/cgroup`, "utf8"),
      )?.[1] ?? ""
    );
  };
  const [one, other] = await Promise.all([groups(), groups()]);
  assert.match(one, /mirrorlet-node-/);
  assert.match(other, /mirrorlet-node-/);
  assert.notEqual(one, other);
});
