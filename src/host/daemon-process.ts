import { readFileSync, readlinkSync, statSync } from "node:fs";
import type { DaemonProcess } from "../agent/doctor/daemon-inspector.ts";
import { readProcessStat } from "../shared/process-stat.ts";
import { readEnvironment } from "./daemon-environment.ts";

/** What proc(5) tells of a process; what it does not tell us is left out. */
export function describeProcess(pid: number, hostSocket: string): DaemonProcess {
  const startedMs = startOf(pid);
  const listeningMs = madeMs(hostSocket);
  const commandLine = attempt(() => splitWords(read(pid, "cmdline")));
  const workingDirectory = link(pid, "cwd");
  const environment = readEnvironment(pid);
  const executable = link(pid, "exe")?.replace(/ \(deleted\)$/, "");
  const uid = statusOf(pid)?.uid;
  const isApart = isApartFromUs(pid);
  const unit = attempt(() => unitIn(read(pid, "cgroup")));
  return {
    pid,
    ...(startedMs === undefined ? {} : { startedMs }),
    ...(listeningMs === undefined ? {} : { listeningMs }),
    ...(commandLine === undefined ? {} : { commandLine }),
    ...(workingDirectory === undefined ? {} : { workingDirectory }),
    ...(environment === undefined ? {} : { environment }),
    ...(executable === undefined ? {} : { executable }),
    ...(uid === undefined ? {} : { uid }),
    ...(isApart === undefined ? {} : { isApart }),
    ...(unit === undefined ? {} : { unit }),
  };
}

export interface ProcessStatus {
  /** Of file accesses. */
  readonly uid: number;
  readonly gids: readonly number[];
  /** Effective, a bit each. */
  readonly capabilities: bigint;
  /** Its capabilities count for files of this machine. */
  readonly sharesUsers: boolean;
}

export function statusOf(pid: number): ProcessStatus | undefined {
  return attempt(() => {
    const text = read(pid, "status");
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(text)?.[1]?.split(/\s+/) ?? [];
    // Real, effective, saved, of file accesses.
    const [uid, gid] = [Number(field("Uid")[3]), Number(field("Gid")[3])];
    return {
      uid,
      gids: [
        gid,
        ...field("Groups")
          .filter((word) => word !== "")
          .map(Number),
      ],
      capabilities: BigInt(`0x${field("CapEff")[0] ?? "0"}`),
      sharesUsers: link(pid, "ns/user") === readlinkSync("/proc/self/ns/user"),
    };
  });
}

/** USER_HZ, which is 100 on every architecture that containerd runs on. */
const TICK_MS = 10;

function startOf(pid: number): number | undefined {
  return attempt(() => {
    const uptimeMs = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000;
    return Math.round(Date.now() - uptimeMs + readProcessStat(pid).startTicks * TICK_MS);
  });
}

// Its change time moves when somebody sets its mode or owner.
function madeMs(hostSocket: string): number | undefined {
  return attempt(() => {
    const { birthtimeMs, ctimeMs } = statSync(hostSocket);
    return Math.round(birthtimeMs > 0 ? Math.min(birthtimeMs, ctimeMs) : ctimeMs);
  });
}

function isApartFromUs(pid: number): boolean | undefined {
  const [root, mounts] = [link(pid, "root"), link(pid, "ns/mnt")];
  if (root === undefined || mounts === undefined) return undefined;
  return root !== "/" || mounts !== attempt(() => readlinkSync("/proc/self/ns/mnt"));
}

// `0::/system.slice/containerd.service`, or the same behind a controller's name.
function unitIn(cgroups: string): string | undefined {
  return cgroups
    .split("\n")
    .flatMap((line) => /\/([^/]+\.service)(?:\/|$)/.exec(line)?.[1] ?? [])
    .at(0);
}

function splitWords(text: string): readonly string[] {
  return text.replace(/\0$/, "").split("\0");
}

function read(pid: number, name: string): string {
  return readFileSync(`/proc/${pid}/${name}`, "utf8");
}

function link(pid: number, name: string): string | undefined {
  return attempt(() => readlinkSync(`/proc/${pid}/${name}`));
}

/** The process is gone, or not ours to look at. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
