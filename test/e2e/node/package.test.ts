import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { test } from "node:test";
import { type BootedNode, bootNode, nodeSkipReason } from "../../support/booted-node.ts";
import { builtPackage, packageSkipReason } from "../../support/built-package.ts";
import { isFullSweep } from "../../support/sweep.ts";

const skip =
  nodeSkipReason() ??
  packageSkipReason() ??
  (existsSync("src/helper.ts") ? false : "the units need the root helper, which these sources do not have");

const CYCLES = isFullSweep ? 20 : 1;

const DEB = "/root/mirrorlet.deb";
/** Everything below the paths that the package or the agent may write: names, owners, modes, bytes. */
const SNAPSHOT = `cd / && find etc/containerd etc/systemd/system etc/mirrorlet var/lib/mirrorlet var/lib/mirrorlet-helper \\
  var/lib/mirrorlet-purge usr/lib/mirrorlet -not -name desired-state.yaml -not -path '*/containerd.service.d' \\
  -printf '%p %u:%g %m %y %l\\n' 2>/dev/null | sort;
  find etc/containerd etc/systemd/system -type f -exec sha256sum {} + | sort -k 2; getent passwd mirrorlet || true`;
const WISH = `cat > /etc/mirrorlet/desired-state.yaml <<'END'
apiVersion: mirrorlet/v1
kind: RegistryMirrors
registryMirrors:
  - endpoint: http://127.0.0.1:5999
    hosts: [gcr.io]
END`;

async function nodeWithPackage(containerd: "1.6" | "2.1" = "1.6"): Promise<BootedNode> {
  const node = await bootNode({ containerd });
  await copyFile(await builtPackage(), node.path(DEB));
  return node;
}

const APPLIED = "journalctl --output=cat -u mirrorlet | grep -q outcome=applied";

const IN_SYNC = "mirrorlet status --json 2>/dev/null | grep -Eq '\"inSync\": ?true'";

const pidOf = (node: BootedNode, unit: string) =>
  node.must(`systemctl show --property=MainPID --value ${unit}`);

/** Waits on the node, 30 s at most. */
function until(node: BootedNode, condition: string): Promise<string> {
  return node.must(
    `for i in $(seq 300); do ${condition} && exit 0; sleep 0.1; done; echo "not so: ${condition.replaceAll(/["']/g, "")}"; journalctl --no-pager -u mirrorlet -u mirrorlet-helper | tail -n 20; exit 1`,
  );
}

/** The desired state is the administrator's: it stays, and nothing else beside it. */
async function afterPurge(node: BootedNode): Promise<string> {
  assert.equal(await node.must("ls -A /etc/mirrorlet"), "desired-state.yaml\n");
  await node.must("rm -r /etc/mirrorlet");
  return node.must(SNAPSHOT);
}

for (const containerd of ["1.6", "2.1"] as const)
  test(`installed, it changes nothing until there is a desired state; purged, the node is as before (containerd ${containerd})`, {
    skip,
    timeout: 600_000,
  }, async (context) => {
    const node = await nodeWithPackage(containerd);
    context.after(() => node.stop());
    const before = await node.must(SNAPSHOT);
    const configuration =
      "cd /etc/containerd && find . -printf '%p %u:%g %m ' -type f -exec sha256sum {} ';'";
    const untouched = await node.must(configuration);
    const daemon = await pidOf(node, "containerd");

    await node.must(`dpkg -i ${DEB}`);
    assert.equal(
      (await node.must("systemctl is-active mirrorlet mirrorlet-helper.socket")).trim(),
      "active\nactive",
    );
    assert.equal(
      (await node.must("systemctl is-enabled mirrorlet mirrorlet-helper.socket")).trim(),
      "enabled\nenabled",
    );
    assert.match(
      await node.must("ps -o user= -p $(systemctl show -p MainPID --value mirrorlet)"),
      /^mirrorl/,
    );
    await node.must("sleep 2");
    assert.equal(await node.must(configuration), untouched);
    assert.equal(await pidOf(node, "containerd"), daemon);

    await node.must(WISH);
    await until(node, "grep -q 127.0.0.1:5999 /etc/containerd/certs.d/gcr.io/hosts.toml 2>/dev/null");
    await until(node, APPLIED);
    const restarted = await pidOf(node, "containerd");
    assert.notEqual(restarted, daemon);
    assert.notEqual(await node.must(configuration), untouched);

    const inForce = await node.must(configuration);
    await node.must("dpkg --remove mirrorlet");
    assert.equal(
      (await node.run("systemctl is-active mirrorlet mirrorlet-helper.socket mirrorlet-helper.service"))
        .stdout,
      "inactive\ninactive\ninactive\n",
    );
    assert.equal(await node.must(configuration), inForce);
    assert.equal(await pidOf(node, "containerd"), restarted);

    await node.must("dpkg --purge mirrorlet");
    assert.equal(await afterPurge(node), before);
    assert.equal((await node.must("systemctl is-active containerd")).trim(), "active");
    assert.notEqual(await pidOf(node, "containerd"), restarted);
    assert.notEqual((await node.run("dpkg-query -W mirrorlet")).status, 0);
  });

test("twice, upgraded, stopped, broken off, removed and installed again: state stays, containerd is not restarted", {
  skip,
  timeout: 600_000,
}, async (context) => {
  const node = await nodeWithPackage();
  context.after(() => node.stop());
  await node.must(`dpkg -i ${DEB}`);
  await node.must(WISH);
  await until(node, APPLIED);
  const daemon = await pidOf(node, "containerd");
  const agent = await pidOf(node, "mirrorlet");
  const state = "sha256sum /var/lib/mirrorlet/apply-record.json /var/lib/mirrorlet/witness.json";
  const kept = await node.must(state);

  await node.must(`dpkg -i ${DEB}`);
  assert.notEqual(await pidOf(node, "mirrorlet"), agent);
  assert.equal((await node.must("systemctl is-active mirrorlet")).trim(), "active");
  assert.equal(await node.must(state), kept);

  await node.must("echo 'resync = \"10m\"' > /etc/mirrorlet/agent.toml; systemctl stop mirrorlet");
  await node.must(`dpkg --force-confold -i ${DEB}`);
  assert.equal(
    (await node.run("systemctl is-active mirrorlet")).stdout.trim(),
    "inactive",
    "it was stopped before",
  );
  assert.equal(await node.must("cat /etc/mirrorlet/agent.toml"), 'resync = "10m"\n');
  await node.must("systemctl start mirrorlet");

  // Killed while it unpacks: no postinst has run.
  await node.must(`dpkg -i ${DEB} >/dev/null 2>&1 & pid=$!
for i in $(seq 3000); do set -- /usr/lib/mirrorlet/*.dpkg-new; [ -e "$1" ] && break; sleep 0.01; done
kill -9 $pid; wait $pid; test -e "$1"`);
  assert.doesNotMatch((await node.run("dpkg --status mirrorlet")).stdout, /^Status: install ok installed$/m);
  await node.must(`dpkg --force-confold -i ${DEB}`);
  assert.match(await node.must("dpkg -s mirrorlet"), /^Status: install ok installed$/m);
  assert.equal((await node.must("systemctl is-active mirrorlet")).trim(), "active");

  await node.must(
    `dpkg --remove mirrorlet && test -d /var/lib/mirrorlet-purge && dpkg --force-confold -i ${DEB}`,
  );
  await node.must("test ! -e /var/lib/mirrorlet-purge");
  assert.equal((await node.must("systemctl is-active mirrorlet")).trim(), "active");
  assert.equal(await node.must(state), kept);
  assert.equal(await pidOf(node, "containerd"), daemon);
});

/** What becomes of the agent in the life of a node; after each it is at work again. */
const LIVES = [
  "systemctl restart mirrorlet",
  "systemctl stop mirrorlet; systemctl start mirrorlet",
  "systemctl kill --signal=KILL mirrorlet; systemctl restart mirrorlet",
  "systemctl kill --signal=KILL mirrorlet-helper || true; systemctl restart mirrorlet",
  `dpkg --force-confold -i ${DEB}`,
  `dpkg --remove mirrorlet; dpkg --force-confold -i ${DEB}`,
];

test(`${CYCLES * LIVES.length} times restarted, stopped, killed, upgraded, removed and installed: containerd and its files are not touched`, {
  skip,
  timeout: 3_600_000,
}, async (context) => {
  const node = await nodeWithPackage();
  context.after(() => node.stop());
  await node.must(`dpkg -i ${DEB}`);
  await node.must(WISH);
  await until(node, APPLIED);
  const daemon = await pidOf(node, "containerd");
  const files =
    "find /etc/containerd /etc/systemd/system -type f -printf '%p %i %T@ %m %u ' -exec sha256sum {} ';' | sort";
  const before = await node.must(files);
  for (let cycle = 0; cycle < CYCLES; cycle++)
    for (const life of LIVES) {
      await node.must(life, 120_000);
      await until(node, IN_SYNC);
      assert.equal(await pidOf(node, "containerd"), daemon, life);
      assert.equal(await node.must(files), before, life);
    }
});

test("a purge that cannot restore the node fails and says why, and the next one, once that is mended, ends it", {
  skip,
  timeout: 600_000,
}, async (context) => {
  const node = await nodeWithPackage();
  context.after(() => node.stop());
  const before = await node.must(SNAPSHOT);
  await node.must(`dpkg -i ${DEB}`);
  await node.must(WISH);
  await until(node, APPLIED);

  await node.must(
    "mount --bind -o ro /etc/containerd/config.toml /etc/containerd/config.toml; mount -o remount,bind,ro /etc/containerd/config.toml",
  );
  const failed = await node.run("dpkg --purge mirrorlet");
  assert.notEqual(failed.status, 0);
  assert.match(failed.stderr, /config\.toml/);
  assert.match(failed.stderr, /rm -rf \/var\/lib\/mirrorlet-purge/);

  await node.must("umount /etc/containerd/config.toml");
  await node.must("dpkg --purge mirrorlet");
  assert.equal(await afterPurge(node), before);
});
