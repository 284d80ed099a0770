import assert from "node:assert/strict";
import { test } from "node:test";
import { type MirrorNode, skip, startMirrorNode } from "./support/mirror-node.ts";

const DAEMON = "systemctl show --property=MainPID --value containerd";
const DROP_IN = "/etc/systemd/system/mirrorlet.service.d/rooted.conf";
const SWITCH = {
  rooted: `install -D -m 644 /usr/lib/mirrorlet/rooted.conf ${DROP_IN}`,
  separated: `rm ${DROP_IN}`,
} as const;
/** Names, owners, modes and bytes; the units' enablement and our drop-in for the profile are not what this is about. */
const SNAPSHOT = `cd / && find etc/containerd etc/systemd/system/containerd.service.d -printf '%p %u:%g %m %y\\n' | sort; find etc/containerd etc/systemd/system/containerd.service.d -type f -exec sha256sum {} + | sort -k 2`;

for (const [first, second] of [
  ["separated", "rooted"],
  ["rooted", "separated"],
] as const)
  test(`from ${first} to ${second} and back with a state in force: no restore in between, and none of it is lost`, {
    skip,
    timeout: 600_000,
  }, async (context) => {
    const one = await startMirrorNode(context, {
      containerd: first === "separated" ? "2.1" : "1.6",
      installed: false,
      rooted: first === "rooted",
    });
    const { node, wish, inForce } = one;
    const before = await node.must(SNAPSHOT);
    await node.must("dpkg -i /root/mirrorlet.deb");
    await wish(1);
    await inForce(1);
    const daemon = await node.must(DAEMON);
    await become(second, 2, one);
    await become(first, 4, one);
    await become(second, 6, one);
    assert.equal(await node.must(DAEMON), daemon, "containerd has nothing to do with it");
    await node.must("dpkg --purge mirrorlet");
    assert.equal(await node.must(SNAPSHOT), before);
  });

async function become(
  profile: keyof typeof SWITCH,
  generation: number,
  { node, wish, pull, until, inForce }: MirrorNode,
): Promise<void> {
  await node.must(
    `${SWITCH[profile]} && systemctl daemon-reload && systemctl restart mirrorlet || { journalctl --no-pager -n 30 -u mirrorlet >&2; exit 1; }`,
  );
  const user = profile === "rooted" ? "root" : "mirrorlet";
  assert.equal(
    await node.must("stat -c %U /proc/$(systemctl show --property=MainPID --value mirrorlet)"),
    `${user}\n`,
  );
  await inForce(generation === 2 ? 1 : generation - 1);
  assert.equal(await node.must("stat -c %U /var/lib/mirrorlet/apply-record.json"), `${user}\n`);
  // What there was is changed and added to, and drift is mended.
  await wish(generation, { registries: ["gcr.io", "quay.io"] });
  await inForce(generation);
  await node.must("echo '# changed' >>/etc/containerd/certs.d/gcr.io/hosts.toml");
  await until("! grep -q '# changed' /etc/containerd/certs.d/gcr.io/hosts.toml");
  assert.ok((await pull()).ok);
  await wish(generation + 1);
  await inForce(generation + 1);
  assert.notEqual((await node.run("test -e /etc/containerd/certs.d/quay.io")).status, 0);
  const told = await node.run("journalctl --boot --no-pager --output=cat --priority=err --unit=mirrorlet");
  assert.equal(told.stdout.trim(), "");
  assert.equal(
    (await node.run("mirrorlet doctor --no-probe --json")).stdout.includes("certs-d-writable"),
    false,
  );
}
