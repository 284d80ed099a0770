import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { pushImage } from "../../support/push-image.ts";
import { startRegistry } from "../../support/registry.ts";
import { credential, dockerConfig, native } from "../support/site.ts";
import { skip, startMirrorNode } from "./support/mirror-node.ts";

const CONFIGURATION = `cd /etc && find containerd systemd/system/containerd.service.d -printf '%p %y %u:%g %m %l\\n' | sort && find containerd systemd/system/containerd.service.d -type f -exec sha256sum {} + | sort -k 2`;
const CONFIG = "/etc/containerd/config.toml";
const TRACES = "/etc/systemd/system/containerd.service.d/50-mirrorlet-traces.conf";

test("without root: mirrors in config.toml, credentials in config.toml, traces, and root's restore beside it", {
  skip,
  timeout: 600_000,
}, async (context) => {
  const one = await startMirrorNode(context, { containerd: "2.1", agentToml: 'style = "legacy"\n' });
  const { node, mirror, wish, pull, until, inForce } = one;
  const before = await node.must(CONFIGURATION);
  await wish(1);
  await inForce(1);
  assert.match(await node.must(`cat ${CONFIG}`), /registry\.mirrors\."gcr\.io"\]/);
  assert.equal(await node.must(`stat -c %U:%G:%a ${CONFIG} ${TRACES}`), "root:root:644\nroot:root:644\n");
  mirror.clearRequests();
  assert.ok((await pull()).ok);
  assert.ok(mirror.requests().some(({ path }) => path.startsWith("/v2/team/library/app/manifests/")));
  await until("mirrorlet status | grep -q '^gcr.io *mirrored'");

  const beside = await node.run("mirrorlet restore");
  assert.equal(beside.status, 1, beside.stderr);
  assert.match(beside.stderr, /another mirrorlet \(pid \d+\) would put everything back/);
  await node.must("systemctl stop mirrorlet && mirrorlet restore");
  assert.equal(await node.must(CONFIGURATION), before);

  // A mirror with a token service: containerd takes the credentials for it from config.toml alone.
  const guarded = await startRegistry({ auth: { kind: "token", ...credential } });
  context.after(() => guarded.stop());
  await node.expose(Number(guarded.host.split(":")[1]));
  await pushImage(guarded, "team/library/app", "1");
  await writeFile(node.path("/etc/mirrorlet/config.json"), dockerConfig(guarded.host, credential), {
    mode: 0o600,
  });
  await writeFile(node.path("/etc/mirrorlet/agent.toml"), 'credentials = "cri"\n');
  const entry = {
    endpoint: `http://${guarded.host}/v2/team`,
    hosts: ["gcr.io"],
    pullCredentialConfigPath: "/etc/mirrorlet/config.json",
    // It is on loopback.
    allowInsecureCredentials: true,
  };
  await writeFile(node.path("/etc/mirrorlet/desired-state.yaml"), native([entry], { generation: 2 }));
  await node.must("systemctl start mirrorlet");
  await inForce(2);
  assert.match(await node.must(`cat ${CONFIG}`), /registry\.configs\..*\.auth\]/);
  assert.equal(await node.must("stat -c %U /etc/containerd/certs.d/gcr.io"), "mirrorlet\n");
  const pulled = await pull();
  assert.ok(pulled.ok, JSON.stringify(pulled));
  await until("mirrorlet status | grep -q '^gcr.io *mirrored'");
  const journal = await node.must("journalctl --no-pager --unit=mirrorlet --unit=mirrorlet-helper");
  assert.ok(!journal.includes(credential.password));

  await node.must("dpkg --purge mirrorlet");
  assert.equal(await node.must(CONFIGURATION), before);
});
