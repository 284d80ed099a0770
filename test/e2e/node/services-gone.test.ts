import assert from "node:assert/strict";
import { test } from "node:test";
import { skip, startMirrorNode } from "./support/mirror-node.ts";

const PID = "systemctl show --property=MainPID --value mirrorlet";

test("without journal, D-Bus, logind or systemd-notify the agent goes on, and what it is told is done", {
  skip,
  timeout: 600_000,
}, async (context) => {
  const { node, wish, pull, until, inForce } = await startMirrorNode(context);
  const agent = await node.must(PID);
  for (const gone of [
    "systemctl stop systemd-logind.service",
    "systemctl stop dbus.socket dbus.service",
    "systemctl stop systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service; rm -f /dev/log",
  ])
    await node.run(gone);
  assert.notEqual((await node.run("systemctl is-active systemd-journald")).stdout.trim(), "active");
  assert.notEqual((await node.run("systemctl is-active dbus")).stdout.trim(), "active");
  // config.toml is changed and containerd restarted by the helper, past D-Bus.
  const daemon = await node.must("systemctl show --property=MainPID --value containerd");
  await wish(1);
  await inForce(1);
  assert.notEqual(await node.must("systemctl show --property=MainPID --value containerd"), daemon);
  await wish(2, { registries: ["gcr.io", "quay.io"] });
  await until("test -s /etc/containerd/certs.d/quay.io/hosts.toml");
  assert.ok((await pull()).ok);
  assert.equal(await node.must(PID), agent, "it runs on");

  // Of a journal that was stopped, and not restarted, systemd lets go of all streams: words come with the next start.
  await node.run("systemctl start systemd-journald.socket systemd-journald.service dbus.socket");
  await wish(3);
  await until("test ! -e /etc/containerd/certs.d/quay.io");
  assert.equal(await node.must(PID), agent);
  await node.must("systemctl restart mirrorlet && systemctl restart systemd-journald");
  await wish(4, { registries: ["gcr.io", "quay.io"] });
  await until("journalctl --no-pager --output=cat --unit=mirrorlet | grep -q generation=4");

  // Nobody feeds the watchdog then; systemd starts the agent again and again, which never was READY, and each of them works.
  await node.must(`mount --bind /bin/false /usr/bin/systemd-notify; kill -KILL $(${PID})`);
  await wish(5, { registries: ["gcr.io", "ghcr.io"] });
  await until("test -s /etc/containerd/certs.d/ghcr.io/hosts.toml");
  assert.ok((await pull()).ok);
});
