import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import type { BootedNode } from "../../support/booted-node.ts";
import { skip, startMirrorNode } from "./support/mirror-node.ts";

/** config.toml names our directory, or is as the distribution made it. */
const CONFIG = "cat /etc/containerd/config.toml";
const READS = "containerd --config /etc/containerd/config.toml config dump >/dev/null";

/** containerd takes so long to start, whatever for. */
const SLOW = "[Service]\nExecStartPre=/bin/sleep 1\n";

/**
 * A moment of a change: a rename of the helper, counted from the exchange of config.toml, or containerd's restart. The
 * helper may note something more or less before it, so that a moment beside config.toml may come out as its neighbour.
 */
interface Point {
  readonly at: string;
  readonly rename?: { readonly after: number; readonly side: "enter" | "exit" };
}

const POINTS: readonly Point[] = [
  { at: "before config.toml is checked", rename: { after: -3, side: "enter" } },
  { at: "config.toml is about to be put in place", rename: { after: 0, side: "enter" } },
  { at: "config.toml is in place, and no more", rename: { after: 0, side: "exit" } },
  { at: "before the helper has noted it", rename: { after: 1, side: "enter" } },
  { at: "containerd is being restarted" },
];

for (const [end, points] of [
  ["crash", POINTS],
  ["reboot", [POINTS[2], POINTS[4]]],
] as const)
  test(`${end} in the middle of a change: containerd is up, config.toml is old or new, and the change is finished`, {
    skip,
    timeout: 600_000,
  }, async (context) => {
    const { node, wish, pull, until, inForce } = await startMirrorNode(context);
    const before = await node.must(CONFIG);
    await node.must("mkdir -p /etc/systemd/system/containerd.service.d");
    await node.must(trace(""));
    await wish(1);
    await inForce(1);
    const renames = (await node.must("cat /root/trace")).split("\n");
    const exchange = renames.findIndex((line) => line.includes("renameat2("));
    assert.ok(
      exchange > 3 && renames[exchange]?.includes('"/etc/containerd/config.toml"'),
      renames.join("\n"),
    );

    let generation = 1;
    const seen = new Set<string>();
    for (const { at, rename } of points as readonly Point[]) {
      await backToBefore(node, before);
      if (rename !== undefined) {
        const earlier = exchange + rename.after;
        // The exchange is the only call of its process; strace counts for each by itself.
        const nth = earlier < exchange ? `rename:when=${earlier + 1}` : `rename:when=${earlier}`;
        const call = earlier === exchange ? "renameat2:when=1" : nth;
        const delay = `delay_${rename.side}=${end === "crash" ? 60 : 10}000000`;
        await node.must(trace(`-e inject=${call}:${delay}`));
        await wish(++generation);
        await until(
          `test $(grep -c rename /root/trace) -ge ${earlier} && sleep ${end === "crash" ? 1 : 0.3}`,
        );
      } else {
        await wish(++generation);
        await until("systemctl show --property=ActiveState containerd | grep -Eq 'activating|deactivating'");
      }
      const found = (await node.must(CONFIG)) === before ? "old" : "new";
      seen.add(found);
      await node[end]();
      await node.must(READS);
      const after = await node.must(CONFIG);
      assert.ok(after === before || after.includes('config_path = "/etc/containerd/certs.d"'), after);
      await inForce(generation);
      assert.equal((await node.must("systemctl is-active containerd")).trim(), "active");
      assert.equal((await pull()).ok, true);
      context.diagnostic(`${end}, ${at} (config.toml is ${found}): finished after the boot`);
    }
    assert.ok(
      seen.has("new") && (end === "reboot" || seen.has("old")),
      "before and after config.toml is put in place",
    );
  });

/** The same node as if nothing had ever happened, with its restart budget unspent. */
async function backToBefore(node: BootedNode, config: string): Promise<void> {
  await node.must(
    "systemctl stop mirrorlet mirrorlet-helper.socket mirrorlet-helper.service; rm -f /etc/mirrorlet/desired-state.yaml /root/trace; mirrorlet restore --no-restart >/dev/null; rm -rf /var/lib/mirrorlet-helper/* /var/lib/mirrorlet/*",
  );
  await writeFile(node.path("/etc/containerd/config.toml"), config);
  await writeFile(node.path("/etc/systemd/system/containerd.service.d/slow.conf"), SLOW);
  await node.must(
    "systemctl daemon-reload; systemctl reset-failed; systemctl restart containerd; systemctl start mirrorlet-helper.socket mirrorlet",
  );
}

/** From now on the renames of the helper are noted; `inject` as strace takes it. */
function trace(inject: string): string {
  return `systemctl start mirrorlet-helper.service
pid=$(systemctl show --property=MainPID --value mirrorlet-helper)
setsid strace -f -qq -e signal=none -o /root/trace -p $pid -e trace=rename,renameat2 ${inject} >/dev/null 2>&1 </dev/null &
for i in $(seq 100); do grep -q 'TracerPid:.*[1-9]' /proc/$pid/status && exit 0; sleep 0.1; done; exit 1`;
}
