import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import type { BootedNode } from "../../support/booted-node.ts";
import { createCa } from "../../support/tls.ts";
import { skip, startMirrorNode } from "./support/mirror-node.ts";

const FEED = "/etc/mirrorlet/feed";
const AS_SERVER = "runuser -u mirrorlet-feed -- mirrorlet fleet";

test("the feed server and the controller run as their units say, and an agent's key comes by LoadCredential", {
  skip,
  timeout: 600_000,
}, async (context) => {
  const { node, until } = await startMirrorNode(context);
  await certificates(node);
  await node.must(
    `printf 'fleet = "prod"\nengine = "journal:/var/lib/mirrorlet-fleet"\n' > /etc/mirrorlet/feed.toml`,
  );
  await node.must("systemctl enable --now mirrorlet-feed", 120_000);
  await until("systemctl is-active mirrorlet-feed");
  const owner =
    "stat -c %U /proc/$(systemctl show --property=MainPID --value mirrorlet-feed) /var/lib/mirrorlet-fleet/";
  assert.equal(await node.must(owner), "mirrorlet-feed\nmirrorlet-feed\n");
  await node.must(`${AS_SERVER} inventory set n1 class=cpu`);

  await controllerBeside(node, until);
  await agentOfThisFleet(node);
  await until(`${AS_SERVER} status n1 | grep -q 'containerd 1\\.6'`);

  await node.must("systemctl reload mirrorlet-feed");
  for (const unit of ["mirrorlet-control", "mirrorlet-feed"]) {
    await node.must(`systemctl stop ${unit}`, 120_000);
    assert.equal(await node.must(`systemctl show --property=Result --value ${unit}`), "success\n");
    const errors = `journalctl --no-pager --output=cat --priority=err --unit=${unit}`;
    assert.equal((await node.must(errors)).trim(), "");
  }
  assert.doesNotMatch(await node.journal("mirrorlet"), /DEP0123/);
});

async function certificates(node: BootedNode): Promise<void> {
  const ca = await createCa();
  const server = await ca.issueServer();
  const agent = await ca.issueClient("n1", { uri: "spiffe://prod/node/n1" });
  await node.must(`install -d -o root -g mirrorlet-feed -m 0750 ${FEED}; install -d -m 0700 /root/agent`);
  await writeFile(node.path(`${FEED}/ca.pem`), ca.cert);
  await writeFile(node.path(`${FEED}/cert.pem`), server.cert);
  await writeFile(node.path(`${FEED}/key.pem`), server.key);
  await node.must(`chgrp mirrorlet-feed ${FEED}/*.pem; chmod 0640 ${FEED}/*.pem`);
  await writeFile(node.path("/root/agent/cert.pem"), agent.cert);
  await writeFile(node.path("/root/agent/key.pem"), agent.key);
  await node.must(`cp ${FEED}/ca.pem /root/agent/ca.pem; chmod 0600 /root/agent/*.pem`);
}

/** Its listener is the only thing that both would have. */
async function controllerBeside(node: BootedNode, until: (script: string) => Promise<void>): Promise<void> {
  const dropIn = "/etc/systemd/system/mirrorlet-control.service.d";
  const command =
    "/usr/lib/mirrorlet/node /usr/lib/mirrorlet/main.js fleet control --set http.address=127.0.0.1:9481";
  await node.must(`mkdir -p ${dropIn}`);
  await writeFile(node.path(`${dropIn}/http.conf`), `[Service]\nExecStart=\nExecStart=${command}\n`);
  await node.must("systemctl daemon-reload; systemctl start mirrorlet-control", 120_000);
  await until("systemctl is-active mirrorlet-control");
}

/** Files that only root can read reach the agent, which is not root. */
async function agentOfThisFleet(node: BootedNode): Promise<void> {
  const dropIn = "/etc/systemd/system/mirrorlet.service.d";
  await node.must(`mkdir -p ${dropIn}`);
  const names = ["ca", "cert", "key"];
  const load = names.map((name) => `LoadCredential=feed-${name}:/root/agent/${name}.pem`).join("\n");
  await writeFile(node.path(`${dropIn}/feed-key.conf`), `[Service]\n${load}\n`);
  const credentials = "/run/credentials/mirrorlet.service";
  const paths = names.map((name) => `${name} = "${credentials}/feed-${name}"`).join("\n");
  await writeFile(
    node.path("/etc/mirrorlet/agent.toml"),
    `[node]\nid = "n1"\nfleet = "prod"\n[feed]\naddress = "127.0.0.1:9479"\nunsigned = true\n${paths}\n`,
  );
  await node.must("systemctl daemon-reload; systemctl restart mirrorlet", 120_000);
}
