import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import type { BootedNode } from "../../support/booted-node.ts";
import { IMAGE, type MirrorNode, skip, startMirrorNode } from "./support/mirror-node.ts";

/** As `systemd-analyze --threshold` takes it: ten times the figure. Of systemd 252. */
const THRESHOLDS = { "mirrorlet.service": 17, "mirrorlet-helper.service": 15, rooted: 27 };
const FLEET_UNITS = ["mirrorlet-feed.service", "mirrorlet-control.service"];
const UNITS = ["mirrorlet.service", "mirrorlet-helper.service", "mirrorlet-helper.socket"];
const METRICS = `/usr/lib/mirrorlet/node -e "fetch('http://127.0.0.1:9478/metrics').then((r) => r.text()).then(console.log)"`;
const ROOTED = "/usr/lib/mirrorlet/rooted.conf";

for (const profile of ["separated", "rooted"] as const)
  test(`the units are sound, exposed no more than they must, and the agent in them does the whole job (${profile})`, {
    skip,
    timeout: 600_000,
  }, async (context) => {
    const one = await startMirrorNode(context, {
      containerd: profile === "rooted" ? "1.6" : "2.1",
      rooted: profile === "rooted",
      agentToml: '[evidence]\nprobe_interval = "1s"\n',
    });
    const { node } = one;
    const verified = await node.run(
      `systemd-analyze verify --man=no ${[...UNITS, ...FLEET_UNITS].join(" ")}`,
    );
    assert.equal(verified.status, 0);
    // Of other units on the node it speaks, too.
    assert.doesNotMatch(verified.stderr, /mirrorlet/);
    const services = profile === "rooted" ? ["mirrorlet.service"] : UNITS.slice(0, 2);
    for (const unit of services)
      context.diagnostic(
        await exposure(node, unit, profile === "rooted" ? "rooted" : (unit as "mirrorlet.service")),
      );

    for (const unit of FLEET_UNITS) {
      await node.must(
        `systemd-analyze security --offline=yes --no-pager --threshold=14 /lib/systemd/system/${unit} >/dev/null`,
      );
      // They are there, and nobody has started them.
      assert.equal((await node.run(`systemctl is-enabled ${unit}`)).stdout.trim(), "disabled");
    }

    await wholeJob(one, profile);
    await comesBack(one);
    if (profile === "rooted") return;
    await setupIsRefused(one);
    await helperCrashes(one);
  });

/** Both of the unit as it runs and of its file alone. */
async function exposure(node: BootedNode, unit: string, of: keyof typeof THRESHOLDS): Promise<string> {
  const options = `--no-pager --threshold=${THRESHOLDS[of]}`;
  const online = await node.must(`systemd-analyze security ${options} ${unit} | tail -n 1`);
  await node.must(`systemd-analyze security ${options} ${unit} >/dev/null`);
  const offline =
    of === "rooted"
      ? `mkdir -p /root/u/${unit}.d && cp /lib/systemd/system/${unit} /root/u/ && cat /lib/systemd/system/${unit} ${ROOTED} >/root/u/${unit} && systemd-analyze security --offline=yes ${options} /root/u/${unit} >/dev/null`
      : `systemd-analyze security --offline=yes ${options} /lib/systemd/system/${unit} >/dev/null`;
  await node.must(offline);
  return `${of}: ${online.trim()}`;
}

async function wholeJob(one: MirrorNode, profile: string): Promise<void> {
  const { node, wish, pull, until, inForce } = one;
  const daemon = "systemctl show --property=MainPID --value containerd";
  const before = await node.must(daemon);
  await wish(1, { canaries: [IMAGE] });
  await inForce(1);
  assert.notEqual(await node.must(daemon), before, "containerd reads its config.toml anew");
  assert.equal(
    await node.must("stat -c %U /proc/$(systemctl show --property=MainPID --value mirrorlet)"),
    profile === "rooted" ? "root\n" : "mirrorlet\n",
  );
  const pulled = await pull();
  assert.ok(pulled.ok, JSON.stringify(pulled));
  await until("mirrorlet status | grep -q '^gcr.io *mirrored'");
  // Debian's containerd 1.6 tells nothing of its requests.
  const sources = ["witness", "canary", "log", "probe", ...(profile === "rooted" ? [] : ["trace"])];
  for (const source of sources)
    await until(`${METRICS} | grep -qF 'mirrorlet_evidence_source_up{source="${source}"} 1'`);
  // What no mirror has goes past all of them, and the witness sees it.
  await node.run(
    "ctr --namespace k8s.io images pull --hosts-dir /etc/containerd/certs.d gcr.io/library/absent:1",
  );
  await until("mirrorlet status --json | grep -q library/absent");
  await node.must("echo '# changed' >> /etc/containerd/certs.d/gcr.io/hosts.toml");
  await until("! grep -q '# changed' /etc/containerd/certs.d/gcr.io/hosts.toml");
  await node.must("systemctl reload mirrorlet");
  await wish(2, { registries: ["gcr.io", "quay.io"] });
  await until("test -s /etc/containerd/certs.d/quay.io/hosts.toml");
  await inForce(2);
  const journal = "journalctl --no-pager --output=cat --unit=mirrorlet";
  assert.equal((await node.must(`${journal} --priority=err`)).trim(), "");
  assert.match(await node.must(`${journal} --priority=warning`), /changed by somebody else and put right/);
}

/** Frozen, hung, killed: it is back, with nothing left to do. */
async function comesBack({ node, until, inForce }: MirrorNode): Promise<void> {
  const pid = "systemctl show --property=MainPID --value mirrorlet";
  const daemon = await node.must("systemctl show --property=MainPID --value containerd");
  for (const [harm, result] of [
    ["kill -STOP $(%)", "watchdog"],
    ["kill -KILL $(%)", "killed"],
  ] as const) {
    const before = (await node.must(pid)).trim();
    await node.must(harm.replace("%", pid));
    await until(`test "$(${pid})" != ${before} && systemctl is-active mirrorlet`);
    await inForce(2);
    const words = await node.must("journalctl --no-pager --output=cat --unit=mirrorlet");
    assert.match(words, result === "watchdog" ? /Watchdog timeout/ : /status=9\/KILL/);
  }
  assert.equal(await node.must("systemctl show --property=MainPID --value containerd"), daemon);
  const start = performance.now();
  await node.must("systemctl stop mirrorlet");
  assert.ok(performance.now() - start < 60_000);
  assert.equal((await node.must("systemctl show --property=Result --value mirrorlet")).trim(), "success");
  await node.must("systemctl start mirrorlet");
}

/** A faulty agent.toml is told once, and is not tried again and again. */
async function setupIsRefused({ node, until }: MirrorNode): Promise<void> {
  await node.must(
    "cp /etc/mirrorlet/agent.toml /root/agent.toml; echo 'resinc = 1' >/etc/mirrorlet/agent.toml",
  );
  await node.run("systemctl restart mirrorlet");
  await until("systemctl is-failed mirrorlet");
  await node.must("sleep 7");
  const shown = await node.must("systemctl show --property=ActiveState,ExecMainStatus,NRestarts mirrorlet");
  assert.match(shown, /ExecMainStatus=78/);
  assert.match(shown, /ActiveState=failed/);
  assert.match(shown, /NRestarts=0/);
  assert.match(
    await node.must("journalctl --no-pager --priority=err --output=cat --unit=mirrorlet"),
    /agent\.toml:1:.*resinc/,
  );
  // The helper is not tried again and again either, and says so to whoever asks.
  const helper = "systemctl show --property=NRestarts,ExecMainStatus mirrorlet-helper.service";
  await node.must("systemctl stop mirrorlet-helper.service");
  const answer = await node.must(
    `/usr/lib/mirrorlet/node -e "require('net').connect('/run/mirrorlet-helper.sock').on('data', (text) => console.log(String(text))).write('{\\"protocol\\":2,\\"verb\\":\\"health\\",\\"args\\":{}}\\n')"`,
  );
  assert.match(answer, /helper-setup.*resinc/);
  await until(`${helper} | grep -q ExecMainStatus=78`);
  await node.must("sleep 5");
  assert.match(await node.must(helper), /NRestarts=0/);
  assert.equal((await node.must("systemctl is-active mirrorlet-helper.socket")).trim(), "active");
  await node.must("cp /root/agent.toml /etc/mirrorlet/agent.toml && systemctl start mirrorlet");
}

/** A helper that cannot start is tried again later, and does not take its socket with it. */
async function helperCrashes({ node, wish, until }: MirrorNode): Promise<void> {
  const dropIn = "/etc/systemd/system/mirrorlet-helper.service.d";
  await node.must(`mkdir -p ${dropIn}; systemctl stop mirrorlet-helper.service`);
  await writeFile(node.path(`${dropIn}/fail.conf`), "[Service]\nExecStart=\nExecStart=/bin/false\n");
  await node.must("systemctl daemon-reload; sleep 8");
  assert.equal((await node.must("systemctl is-active mirrorlet-helper.socket")).trim(), "active");
  assert.equal((await node.must("systemctl is-active mirrorlet")).trim(), "active");
  await node.must(`rm -r ${dropIn}; systemctl daemon-reload`);
  await wish(3, { registries: ["gcr.io"] });
  await until("test ! -e /etc/containerd/certs.d/quay.io");
}
