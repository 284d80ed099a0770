import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { waitForCri } from "../../support/cri-client.ts";
import { isFullSweep } from "../../support/sweep.ts";
import { type MirrorNode, skip, startMirrorNode } from "./support/mirror-node.ts";

const CONFIG = "/etc/containerd/config.toml";
const SITE = "/etc/containerd/site.toml";
const DROP_IN = "/etc/systemd/system/containerd.service.d/50-fault.conf";
/** containerd starts on our change, in a command of its unit. */
const IF_NEW = `if grep -q certs.d ${CONFIG}; then`;
const JOURNAL = "journalctl --no-pager --output=cat --unit=mirrorlet";
const DAEMON = "systemctl show --property=MainPID --value containerd";
const NOT_AGAIN = "mirrorlet status --json | grep -q RolledBack";

interface Fault {
  readonly name: string;
  /** Of containerd's unit. */
  readonly unit?: string;
  /** Run in place of `containerd config dump`, with the file in `$file`. */
  readonly dump?: string;
  readonly ends: "in force" | "taken back" | "refused";
  /** What is told of it. */
  readonly words?: RegExp;
  /** Takes half a minute and more, or shows what another one does: not every time. */
  readonly isLong?: boolean;
}

const kill = (signal: string, seconds: number) =>
  `ExecStartPost=/bin/sh -c '${IF_NEW} systemd-run --quiet --on-active=${seconds} --timer-property=AccuracySec=100ms /bin/sh -c "kill -${signal} $MAINPID"; fi'`;

const FAULTS: readonly Fault[] = [
  {
    name: "starts slowly",
    unit: `[Service]\nExecStartPre=/bin/sh -c '${IF_NEW} sleep 8; fi'`,
    ends: "in force",
    isLong: true,
  },
  {
    name: "starts more slowly than its unit allows",
    unit: `[Service]\nTimeoutStartSec=3\nExecStartPre=/bin/sh -c '${IF_NEW} sleep 20; fi'`,
    ends: "taken back",
    words: /containerd\.service/,
    isLong: true,
  },
  {
    name: "starts without CRI",
    unit: `[Service]\nExecStartPre=/bin/sh -c '${IF_NEW} cat /root/no-cri.toml; else cat /root/site.toml; fi >${SITE}'`,
    ends: "taken back",
    // 1.6 takes the table of an import as a whole.
    words: /mirrors`? cannot be set when `?config_path|reads registry configuration from \\"\\", not from/,
    isLong: true,
  },
  {
    name: "is killed four seconds after it came up well",
    unit: `[Service]\n${kill("KILL", 4)}`,
    ends: "taken back",
    words: /came up well after its restart.*ended by itself/,
  },
  {
    name: "ends a minute after it came up well, and is not started again",
    unit: `[Service]\nRestart=no\n${kill("KILL", 60)}`,
    ends: "taken back",
    words: /within [56]\d s of that it ended by itself: systemd's result is signal/,
    isLong: true,
  },
  {
    name: "stands still after it came up well",
    unit: `[Service]\n${kill("STOP", 5)}`,
    ends: "taken back",
    words: /has not been well for 30 s/,
    isLong: true,
  },
  {
    name: "has a socket that never answers",
    unit: `[Service]\nExecStartPost=/bin/sh -c '${IF_NEW} kill -STOP $MAINPID; fi'`,
    ends: "taken back",
    words: /containerd does not answer/,
    isLong: true,
  },
  {
    name: "takes longer to start than the restart command is given",
    unit: `[Service]\nTimeoutStartSec=infinity\nExecStartPre=/bin/sh -c '${IF_NEW} sleep 200; fi'`,
    ends: "taken back",
    words: /still running after 90 s/,
    isLong: true,
  },
  {
    name: "may be started once an hour only, and has been",
    unit: "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=1",
    ends: "in force",
  },
  {
    name: "refuses the new config.toml when it is asked",
    dump: 'if grep -q certs.d "$file"; then echo "containerd: not that one" >&2; exit 1; fi',
    ends: "refused",
    words: /containerd refuses the new .*config\.toml: .*not that one/,
  },
  {
    name: "gives no answer when it is asked for its configuration",
    dump: "exec sleep 1000",
    ends: "refused",
    words: /config dump gave no answer \(still running after 30 s, ended\); nothing was put in place/,
    isLong: true,
  },
];

for (const [containerd, rooted] of [
  ["2.1", false],
  ["1.6", true],
] as const)
  test(`a containerd that is at fault: what was there before is back, or stays, and it is told (${containerd}, ${rooted ? "rooted" : "separated"})`, {
    // Every fault with both takes a quarter of an hour; a part of them shows the same of the other release.
    skip:
      skip ||
      (rooted && !isFullSweep ? "MIRRORLET_SWEEP=full tries the faults with another containerd, too" : false),
    timeout: 900_000,
  }, async (context) => {
    const one = await startMirrorNode(context, {
      containerd,
      rooted,
      // A change with traces in it is tried without them before it is given up: another minute a fault.
      agentToml: "[evidence]\ntraces = false\n",
    });
    const { node } = one;
    await node.must(`printf 'version = %s\\nimports = ["${SITE}"]\\n' ${VERSION[containerd]} >${CONFIG}`);
    await node.must(`echo 'version = ${VERSION[containerd]}' | tee /root/site.toml >${SITE}`);
    await writeFile(node.path("/root/no-cri.toml"), noCri(containerd));
    await node.must("cp /usr/bin/containerd /usr/local/lib/containerd.real; systemctl restart containerd");
    const before = await node.must(`cat ${CONFIG}`);
    let generation = 0;
    for (const fault of FAULTS.filter(({ isLong }) => isFullSweep || isLong !== true)) {
      await tryFault(fault, ++generation, one, context);
      await backToBefore(one, before);
    }
  });

const VERSION = { "1.6": 2, "2.1": 3 } as const;

async function tryFault(
  { name, unit, dump, ends, words }: Fault,
  generation: number,
  { node, wish, until, inForce, pull }: MirrorNode,
  context: TestContext,
): Promise<void> {
  const before = await node.must(`cat ${CONFIG}`);
  await writeFile(node.path(DROP_IN), unit ?? "");
  // A first start on what is there, with the fault at hand.
  await node.must("systemctl daemon-reload; systemctl reset-failed containerd; systemctl restart containerd");
  if (dump !== undefined) await wrapDump(node, dump);
  const daemon = await node.must(DAEMON);
  const start = performance.now();
  await wish(generation);
  if (ends === "in force") {
    await inForce(generation);
    assert.equal((await pull()).ok, true, name);
  } else {
    const isTold =
      ends === "taken back" ? NOT_AGAIN : `${JOURNAL} | grep -Eq 'refuses the new|gave no answer'`;
    for (let attempt = 0; attempt < 4; attempt++) await until(isTold).catch(() => undefined);
    await until(isTold);
    assert.equal(await node.must(`cat ${CONFIG}`), before, name);
    assert.match((await node.run("mirrorlet status --json")).stdout, words ?? /./, name);
  }
  assert.equal((await node.must("systemctl is-active containerd")).trim(), "active", name);
  assert.equal(await waitForCri(node.path("/run/containerd/containerd.sock")), true, name);
  assert.equal((await node.must(DAEMON)) === daemon, ends === "refused", name);
  // Neither a loop nor another try.
  const settled = await node.must(DAEMON);
  await node.must("systemctl reload mirrorlet; sleep 2");
  assert.equal(await node.must(DAEMON), settled, name);
  context.diagnostic(`${name}: ${ends} after ${((performance.now() - start) / 1000).toFixed(1)} s`);
  const way = await wayBack(node);
  if (way !== undefined) context.diagnostic(`  put back and found well within ${way} s`);
}

/** Seconds from the restart on what was there before until the agent tells of it; undefined: there was none. */
async function wayBack(node: MirrorNode["node"]): Promise<string | undefined> {
  const lines = (
    await node.must("journalctl --no-pager --output=short-unix --unit=mirrorlet | tail -n 60")
  ).split("\n");
  const from = lines.findLastIndex((line) => /restarting containerd.*rollback/.test(line));
  const to = lines.findIndex((line, at) => at > from && /was taken back|failed on this node/.test(line));
  if (from === -1 || to === -1) return undefined;
  return (Number.parseFloat(lines[to] ?? "") - Number.parseFloat(lines[from] ?? "")).toFixed(2);
}

/** The program, with another answer to `config dump`. */
async function wrapDump(node: MirrorNode["node"], dump: string): Promise<void> {
  await writeFile(
    node.path("/usr/local/lib/containerd.wrapped"),
    `#!/bin/sh\nfile=$2\ncase " $* " in *" config dump "*) ${dump}\n;; esac\nexec /usr/local/lib/containerd.real "$@"\n`,
    { mode: 0o755 },
  );
  await node.must("mount --bind /usr/local/lib/containerd.wrapped /usr/bin/containerd");
}

async function backToBefore({ node }: MirrorNode, config: string): Promise<void> {
  await node.must(
    `systemctl stop mirrorlet mirrorlet-helper.socket mirrorlet-helper.service; umount /usr/bin/containerd 2>/dev/null; rm -f /etc/mirrorlet/desired-state.yaml ${DROP_IN}
mirrorlet restore --no-restart >/dev/null; rm -rf /var/lib/mirrorlet-helper/* /var/lib/mirrorlet/*; cat /root/site.toml >${SITE}; systemctl daemon-reload`,
  );
  await writeFile(node.path(CONFIG), config);
  await node.must(
    "journalctl --rotate; journalctl --vacuum-time=1s; systemctl reset-failed; systemctl restart containerd; systemctl start mirrorlet-helper.socket mirrorlet",
  );
}

/** What makes CRI fail to load, next to a `config_path` of anybody's. */
function noCri(containerd: "1.6" | "2.1"): string {
  const table =
    containerd === "2.1" ? `plugins."io.containerd.cri.v1.images"` : `plugins."io.containerd.grpc.v1.cri"`;
  return `version = ${VERSION[containerd]}
[${table}.registry]
[${table}.registry.mirrors."site.example"]
endpoint = ["https://site.example"]
`;
}
