import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { IMAGE, skip, startMirrorNode } from "./support/mirror-node.ts";

const CONFIGURATION = `cd /etc/containerd && find . -printf '%p %y %u:%g %m %l\\n' | sort && find . -type f -exec sha256sum {} + | sort -k 2`;

for (const containerd of ["1.6", "2.1"] as const)
  test(`dpkg -i, a desired state, and the next pull goes through the mirror; purged, all is as it was (containerd ${containerd})`, {
    skip,
    timeout: 600_000,
  }, async (context) => {
    const { node, mirror, wish, pull, inForce } = await startMirrorNode(context, {
      containerd,
      installed: false,
    });
    const before = await node.must(CONFIGURATION);
    const units = await node.must("ls -AR /etc/systemd/system/containerd.service.d");
    const start = performance.now();
    await node.must("dpkg -i /root/mirrorlet.deb");
    const installed = performance.now();
    await sleep(1000);
    assert.equal(await node.must(CONFIGURATION), before, "untouched without a desired state");

    mirror.clearRequests();
    const dropped = performance.now();
    await wish(1);
    const tries = await pullUntilServed(pull);
    const served = performance.now();
    assert.ok(mirror.requests().some(({ path }) => path.startsWith("/v2/team/library/app/manifests/1")));
    context.diagnostic(
      `containerd ${containerd}: dpkg -i ${seconds(installed - start)}; from the desired state to ${IMAGE} pulled from the mirror ${seconds(served - dropped)}, at the ${tries}. try`,
    );
    // The promise is two seconds on a node of its own; here other tests share two processors.
    assert.ok(served - dropped < 10_000, seconds(served - dropped));
    await inForce(1);

    await node.must("dpkg --purge mirrorlet");
    assert.equal(await node.must(CONFIGURATION), before);
    assert.equal(await node.must("ls -AR /etc/systemd/system/containerd.service.d"), units);
    assert.equal((await node.must("systemctl is-active containerd")).trim(), "active");
  });

/** One try after another, for containerd may be restarted under one. */
async function pullUntilServed(pull: () => Promise<{ readonly ok: boolean }>): Promise<number> {
  for (let tries = 1; tries < 200; tries++) {
    if ((await pull()).ok) return tries;
    await sleep(20);
  }
  throw new Error("no pull goes through the mirror");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
