import { execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { labCache, labPart, labSkipReason } from "./lab-parts.ts";
import { leaseDirectory } from "./leased-directory.ts";
import { type Bridge, openBridge } from "./net-bridge.ts";
import { WAIT_LIMIT_MS } from "./wait-limit.ts";

/** What a command on the node said. */
export interface NodeRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A whole Debian 12 node with systemd as its first process, containerd.service, and a network of its own in which there
 * is only loopback. Its file system is a copy: nothing done to it outlives the test.
 */
export interface BootedNode {
  /** A path of the node as this process reaches it, sockets included. Changes with a reboot. */
  path(onNode: string): string;
  /** Pid, seen from here, of the node's systemd. Changes with a reboot. */
  readonly leader: number;
  /** Runs a shell script on the node, as root; never rejects for its status. */
  run(script: string, timeoutMs?: number): Promise<NodeRun>;
  /** As `run`; rejects with what the script said when it fails. Its standard output. */
  must(script: string, timeoutMs?: number): Promise<string>;
  /** `127.0.0.1:port` of this machine's is there on the node's loopback too, after reboots as well. */
  expose(port: number): Promise<void>;
  /** A socket file that leads to `127.0.0.1:port` of the node. */
  reach(port: number): Promise<string>;
  /** `systemctl reboot`, and waits until it is up again. */
  reboot(): Promise<void>;
  /** As `reboot`, without its systemd being asked: processes end at once, what is on disk stays. */
  crash(): Promise<void>;
  /** What the node's journal has of a unit, without the timestamps. */
  journal(unit: string): Promise<string>;
  stop(): Promise<void>;
}

export interface NodeOptions {
  /**
   * bookworm, the default, has systemd 252 and containerd 1.6; trixie systemd 257 and containerd 1.7; jammy, of Ubuntu,
   * systemd 249 and containerd 2.2.
   */
  readonly suite?: Suite;
  /** Put in the place of the distribution's own, under its unit and config.toml. */
  readonly containerd?: "1.6" | "2.1";
  /** Where requests of containerd to anything but loopback go; without it nowhere: the node has no network. */
  readonly environment?: Readonly<Record<string, string>>;
}

export type Suite = "bookworm" | "trixie" | "jammy";

function treeOf(suite: Suite): string {
  return join(labCache(), `node-${suite}-1`);
}

// This machine may have the older control groups alone, which systemd 257 takes only when it is told to.
const KERNEL_WORDS: Readonly<Record<Suite, string>> = {
  bookworm: "",
  jammy: "",
  trixie: existsSync("/sys/fs/cgroup/cgroup.controllers")
    ? ""
    : "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 systemd.unified_cgroup_hierarchy=0",
};

/** Why no node can be booted here, for the `skip` option of a test; undefined when one can. */
export function nodeSkipReason(suite: Suite = "bookworm"): string | undefined {
  const lab = labSkipReason();
  if (lab !== undefined) return lab;
  if (!existsSync("/usr/bin/systemd-nspawn"))
    return "systemd-nspawn is not installed (Debian package systemd-container)";
  if (!existsSync(treeOf(suite))) return `scripts/lab-node ${suite} has not made a node's file system`;
  return undefined;
}

export async function bootNode(options: NodeOptions = {}): Promise<BootedNode> {
  const lease = await leaseDirectory("node");
  const dir = lease.path;
  try {
    for (const name of ["root", "upper", "work", "containerd"]) await mkdir(join(dir, name));
    const binds = await bindsOf(options);
    await writeEnvironment(join(dir, "upper"), options.environment);
    const supervisor = spawn(
      "unshare",
      [
        "--mount",
        "--propagation",
        "private",
        "/bin/sh",
        "-c",
        BOOT,
        "boot",
        dir,
        treeOf(options.suite ?? "bookworm"),
        KERNEL_WORDS[options.suite ?? "bookworm"],
        ...binds,
      ],
      { cwd: "/", stdio: "ignore", detached: true },
    );
    await writeFile(join(dir, "pids/boot"), `${supervisor.pid}\n`);
    return await operate(dir, () => lease.release());
  } catch (error) {
    await lease.release();
    throw error;
  }
}

// The overlay is in a mount namespace of its own, and so goes away with these processes. containerd cannot keep its content
// on an overlay. `--keep-unit --register=no`: this machine may have no systemd; nspawn then ends at a reboot (133).
// It boots the node in the control group it is started from: two nodes in one would end each other's services.
const BOOT = `
dir=$1; tree=$2; words=$3; shift 3
hierarchies=; child=
for each in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
  [ -e "$each/cgroup.procs" ] || continue
  mkdir "$each/mirrorlet-node-$$" && echo $$ >"$each/mirrorlet-node-$$/cgroup.procs" || exit 1
  hierarchies="$hierarchies $each"
done
leave() {
  for each in $hierarchies; do
    echo $$ >"$each/cgroup.procs"
    find "$each/mirrorlet-node-$$" -depth -type d -exec rmdir {} + 2>/dev/null
  done
  exit
}
trap '[ -z "$child" ] || { kill "$child"; wait "$child"; }; leave' TERM
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$dir/upper,workdir=$dir/work" "$dir/root" || exit 1
for boot in $(seq 50); do
  systemd-nspawn --quiet --boot --directory="$dir/root" --machine="node-$$" --register=no --keep-unit \\
    --private-network --link-journal=no --console=pipe --resolv-conf=off --timezone=off --kill-signal=SIGRTMIN+14 \\
    --bind="$dir/containerd:/var/lib/containerd" "$@" -- systemd.show_status=0 $words </dev/null >>"$dir/console" 2>&1 &
  child=$!
  echo $child >"$dir/pids/nspawn"
  wait $child && leave
done
`;

async function bindsOf({ containerd }: NodeOptions): Promise<readonly string[]> {
  if (containerd === undefined || containerd === "1.6") return [];
  const bin = await labPart(`containerd-${containerd}`);
  return (await readdir(bin)).map((name) => `--bind-ro=${join(bin, name)}:/usr/bin/${name}`);
}

async function writeEnvironment(upper: string, environment: NodeOptions["environment"] = {}): Promise<void> {
  const unit = join(upper, "etc/systemd/system/containerd.service.d");
  await mkdir(unit, { recursive: true });
  const nowhere = { HTTP_PROXY: "http://127.0.0.1:9", HTTPS_PROXY: "http://127.0.0.1:9" };
  const lines = Object.entries({ ...nowhere, ...environment }).map(
    ([key, value]) => `Environment=${key}=${value}`,
  );
  await writeFile(join(unit, "10-lab.conf"), `[Service]\n${lines.join("\n")}\n`);
}

async function operate(dir: string, release: () => Promise<void>): Promise<BootedNode> {
  let leader = await findLeader(dir, undefined);
  /** Into the node as it runs now. */
  let inside: Bridge[] = [];
  const outside: Bridge[] = [];
  const exposed = new Map<number, string>();
  const run = (script: string, timeoutMs = 60_000) => runOn(leader, script, timeoutMs);
  const must = async (script: string, timeoutMs?: number): Promise<string> => {
    const { status, stdout, stderr } = await run(script, timeoutMs);
    if (status !== 0) {
      const journal = await run("journalctl --no-pager --lines=30 --output=short-precise");
      throw new Error(`on the node: ${script}: status ${status}: ${stderr || stdout}\n${journal.stdout}`);
    }
    return stdout;
  };
  const whenUpAgain = async (): Promise<void> => {
    for (const { close } of inside) close();
    inside = [];
    leader = await findLeader(dir, leader);
    for (const [port, socket] of exposed) inside.push(await openBridge(leader, "listen", port, socket));
    await waitUntilUp(must);
  };
  await waitUntilUp(must);
  return {
    get leader() {
      return leader;
    },
    path: (onNode) => `/proc/${leader}/root${onNode}`,
    run,
    must,
    async expose(port) {
      const socket = join(dir, `out-${port}`);
      outside.push(await openBridge(undefined, "connect", port, socket));
      inside.push(await openBridge(leader, "listen", port, socket));
      exposed.set(port, socket);
    },
    async reach(port) {
      const socket = join(dir, `in-${port}-${randomInt(1e9)}`);
      inside.push(await openBridge(leader, "connect", port, socket));
      return socket;
    },
    async reboot() {
      await run("systemctl --no-block reboot");
      await whenUpAgain();
    },
    async crash() {
      // The first process restarts on it at once; all others are killed by the kernel.
      process.kill(leader, "SIGKILL");
      await whenUpAgain();
    },
    journal: (unit) => must(`journalctl --no-pager --output=cat --unit=${unit}`),
    async stop() {
      for (const { close } of [...inside, ...outside]) close();
      await release();
    },
  };
}

/** The node's first process, once it is systemd, and another one than before. */
async function findLeader(dir: string, before: number | undefined): Promise<number> {
  // Before a reboot, each unit may take as long to end as its own limit says.
  for (let attempt = 0; attempt < 2400; attempt++) {
    const nspawn = await readOr(join(dir, "pids/nspawn"));
    const children = await readOr(`/proc/${nspawn.trim()}/task/${nspawn.trim()}/children`);
    for (const pid of children.trim().split(" ").map(Number)) {
      const name = await readOr(`/proc/${pid}/comm`);
      if (pid > 0 && pid !== before && name.trim() === "systemd") return pid;
    }
    await sleep(50);
  }
  const said = (await readOr(join(dir, "console"))).slice(-2000);
  throw new Error(`systemd-nspawn starts no systemd within two minutes; its console: ${said}`);
}

function readOr(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

async function waitUntilUp(must: BootedNode["must"]): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      // `degraded` where some unit failed: up all the same.
      await must("systemctl is-system-running --wait | grep -Eq '^(running|degraded)$'");
      return;
    } catch (error) {
      if (attempt === WAIT_LIMIT_MS / 50) throw error;
      await sleep(50);
    }
  }
}

function runOn(leader: number, script: string, timeoutMs: number): Promise<NodeRun> {
  // In a session of its own: what a script sends to its process group must not reach whoever runs the tests.
  const args = ["nsenter", `--target=${leader}`, "--all", "--", "/bin/sh", "-c", script];
  const options = {
    timeout: timeoutMs,
    killSignal: "SIGKILL",
    maxBuffer: 64 * 1024 * 1024,
    env: ENVIRONMENT,
  } as const;
  return new Promise((resolve) => {
    const child = execFile("setsid", args, options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({
        status,
        stdout,
        stderr: error?.killed === true ? `${stderr}\nstill running, ended` : stderr,
      });
    });
    child.stdin?.end();
  });
}

const ENVIRONMENT = {
  PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  LC_ALL: "C",
  DEBIAN_FRONTEND: "noninteractive",
};
