import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { isFullSweep } from "../../support/sweep.ts";
import { type MirrorNode, skip, startMirrorNode } from "./support/mirror-node.ts";

const AGENT = "systemctl show --property=MainPID --value mirrorlet";
const DAEMON = "systemctl show --property=MainPID --value containerd";
const CONFIG = "/etc/containerd/config.toml";
const WISH = "/etc/mirrorlet/desired-state.yaml";
const IS_RESTARTING = "systemctl show --property=ActiveState containerd | grep -Eq 'activating|deactivating'";

test("signals, an upgrade, and apply, while the agent works: the pass is finished, once, and nothing is torn", {
  skip,
  timeout: 1_800_000,
}, async (context) => {
  const one = await startMirrorNode(context, { agentToml: "[evidence]\ntraces = false\n" });
  const before = await one.node.must(`cat ${CONFIG}`);
  // Without a wait systemd keeps an agent that a test has ended away for five seconds each time. One thread for files:
  // strace counts the calls of each thread by itself.
  await one.node.must(
    "mkdir -p /etc/systemd/system/mirrorlet.service.d /etc/systemd/system/containerd.service.d; printf '[Service]\\nRestartSec=100ms\\nEnvironment=UV_THREADPOOL_SIZE=1\\n' >/etc/systemd/system/mirrorlet.service.d/soon.conf; printf '[Service]\\nExecStartPre=/bin/sleep 2\\n' >/etc/systemd/system/containerd.service.d/slow.conf; systemctl daemon-reload",
  );
  await besideApply(one, context);
  await inAPass(one, before, context, "SIGHUP, two hundred times", async ({ node, until }, begin) => {
    await begin();
    await until(IS_RESTARTING);
    const pid = await node.must(AGENT);
    await node.must(`for i in $(seq 200); do pid=$(${AGENT}); test $pid -gt 0 && kill -HUP $pid; done; true`);
    return async () => assert.equal(await node.must(AGENT), pid);
  });
  await inAPass(one, before, context, "SIGHUP, before it is READY", async ({ node, until }, begin) => {
    await begin();
    await until(IS_RESTARTING);
    await node.must(`kill -KILL $(${AGENT})`);
    // As soon as its program has begun to run: what the kernel does before is not ours.
    await until(`test "$(${AGENT})" -gt 0 && grep -q mirrorlet/main.js /proc/$(${AGENT})/cmdline`);
    await node.must(
      `for i in $(seq 100); do pid=$(${AGENT}); test $pid -gt 0 && kill -HUP $pid; sleep 0.01; done; true`,
    );
    return undefined;
  });
  await inAPass(
    one,
    before,
    context,
    "SIGSTOP, for less than the watchdog waits",
    async ({ node, until }, begin) => {
      await begin();
      await until(IS_RESTARTING);
      const pid = await node.must(AGENT);
      await node.must(`kill -STOP $(${AGENT}); sleep 4; kill -CONT $(${AGENT})`);
      return async () => assert.equal(await node.must(AGENT), pid);
    },
  );
  await inAPass(one, before, context, "an upgrade", async ({ node, until }, begin) => {
    await begin();
    await until(IS_RESTARTING);
    const pid = await node.must(AGENT);
    await node.must("dpkg -i /root/mirrorlet.deb", 200_000);
    return async () => assert.notEqual(await node.must(AGENT), pid);
  });
  for (const twice of [false, true])
    for (const nth of isFullSweep ? [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] : [twice ? 4 : 3])
      await inAPass(
        one,
        before,
        context,
        `SIGTERM${twice ? ", twice," : ""} at write ${nth}`,
        async (two, begin) => terminated(two, nth, twice, begin),
      );
});

/** `apply` that meets an agent that runs, starts or ends: one of the two does the work, and the other says so. */
async function besideApply({ node, wish, inForce }: MirrorNode, context: TestContext): Promise<void> {
  await wish(1);
  await inForce(1);
  const daemon = await node.must(DAEMON);
  const rounds = isFullSweep ? 25 : 2;
  const ends = { refused: 0, done: 0 };
  for (let round = 0; round < rounds; round++)
    for (const script of [
      `systemctl restart --no-block mirrorlet; mirrorlet apply ${WISH}`,
      `mirrorlet apply ${WISH} & systemctl stop mirrorlet; systemctl start --no-block mirrorlet; wait $!`,
    ]) {
      const { status, stderr } = await node.run(script);
      if (status !== 0) assert.match(stderr, /another mirrorlet.* is at work on this node/);
      ends[status === 0 ? "done" : "refused"]++;
    }
  await inForce(1);
  assert.equal(await node.must(DAEMON), daemon);
  assert.equal(
    await node.must("find /etc/containerd/certs.d /var/lib/mirrorlet -mindepth 1 -not -user mirrorlet"),
    "",
  );
  context.diagnostic(
    `apply beside the agent: ${ends.done} times it did it, ${ends.refused} times it was refused`,
  );
}

/** From a node as before mirrorlet: a first pass, into which something comes. */
async function inAPass(
  one: MirrorNode,
  config: string,
  context: TestContext,
  what: string,
  act: (one: MirrorNode, begin: () => Promise<void>) => Promise<(() => Promise<void>) | undefined>,
): Promise<void> {
  const { node, wish, inForce, pull } = one;
  await node.must(
    `systemctl stop mirrorlet mirrorlet-helper.socket mirrorlet-helper.service; rm -f ${WISH}; mirrorlet restore --no-restart >/dev/null; rm -rf /var/lib/mirrorlet-helper/* /var/lib/mirrorlet/*`,
  );
  await writeFile(node.path(CONFIG), config);
  await node.must(
    "systemctl reset-failed; systemctl restart containerd; systemctl start mirrorlet-helper.socket mirrorlet || { journalctl --no-pager --output=cat --unit=mirrorlet | tail -n 20 >&2; exit 1; }",
  );
  const start = (await node.must("date +%s")).trim();
  const check = await act(one, () => wish(2));
  await inForce(2);
  await check?.();
  assert.equal((await pull()).ok, true, what);
  const starts = await node.must(
    `journalctl --no-pager --output=cat --unit=containerd --since=@${start} | grep -c 'successfully booted'`,
  );
  assert.ok(Number(starts) <= 2, `${what}: containerd was started ${starts.trim()} times`);
  context.diagnostic(`${what}: in force, with ${starts.trim()} starts of containerd`);
}

/** By the kernel, at that rename of the agent's: its record and its files in certs.d are put in place by them. */
async function terminated(
  { node, until }: MirrorNode,
  nth: number,
  twice: boolean,
  begin: () => Promise<void>,
): Promise<undefined> {
  await until("mirrorlet status | grep -q 'no desired state\\|Stalled'");
  const pid = (await node.must(AGENT)).trim();
  const when = twice ? `${nth}..${nth + 1}` : `${nth}`;
  await node.must(`setsid strace -f -qq -o /root/trace -p ${pid} -e trace=rename -e inject=rename:signal=TERM:when=${when} >/dev/null 2>&1 </dev/null &
for i in $(seq 100); do grep -q 'TracerPid:.*[1-9]' /proc/${pid}/status && exit 0; sleep 0.05; done; exit 1`);
  await begin();
  await until(`test "$(${AGENT})" != ${pid} && test "$(${AGENT})" != 0`);
  return undefined;
}
