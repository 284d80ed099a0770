import { readdir, readFile, readlink } from "node:fs/promises";

/** A process as the kernel counts it. */
export interface ProcessFigures {
  readonly pid: number;
  readonly rssMiB: number;
  readonly threads: number;
  readonly descriptors: number;
  readonly inotifyWatches: number;
  /** Children that ended and were not waited for. */
  readonly zombies: number;
}

/** Undefined when there is no such process, or it ends meanwhile. */
export async function measureProcess(pid: number): Promise<ProcessFigures | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    const field = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? Number.NaN);
    const descriptors = await readdir(`/proc/${pid}/fd`);
    const watches = await Promise.all(descriptors.map((fd) => watchesOf(pid, fd)));
    return {
      pid,
      rssMiB: field("VmRSS") / 1024,
      threads: field("Threads"),
      descriptors: descriptors.length,
      inotifyWatches: watches.reduce((sum, count) => sum + count, 0),
      zombies: await countZombies(pid),
    };
  } catch {
    return undefined;
  }
}

async function watchesOf(pid: number, fd: string): Promise<number> {
  const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, "utf8").catch(() => "");
  return info.match(/^inotify wd:/gm)?.length ?? 0;
}

async function countZombies(pid: number): Promise<number> {
  let zombies = 0;
  for (const task of await readdir(`/proc/${pid}/task`)) {
    const children = await readFile(`/proc/${pid}/task/${task}/children`, "utf8").catch(() => "");
    for (const child of children.trim().split(" ").filter(Boolean)) {
      const stat = await readFile(`/proc/${child}/stat`, "utf8").catch(() => "");
      if (/\) Z /.test(stat)) zombies++;
    }
  }
  return zombies;
}

/** The pid, as it is here, of a process that has `inner` in the pid namespace of `leader`; undefined when there is none. */
export async function outerPid(leader: number, inner: number): Promise<number | undefined> {
  const namespace = await readlink(`/proc/${leader}/ns/pid`);
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const status = await readFile(`/proc/${name}/status`, "utf8").catch(() => "");
    if (Number(/^NSpid:.*\t(\d+)$/m.exec(status)?.[1]) !== inner) continue;
    if ((await readlink(`/proc/${name}/ns/pid`).catch(() => "")) === namespace) return Number(name);
  }
  return undefined;
}
