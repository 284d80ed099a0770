import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system of its own, in a file, whose power can be cut. */
export interface LossyDisk {
  readonly mountPoint: string;
  /** All that was written so far is on the disk. */
  sync(): void;
  /** What is not on the disk by now is lost; then a boot: mounted again, its journal replayed. */
  cutPower(how: Cut): void;
  remove(): void;
}

export interface DiskKind {
  readonly name: string;
  readonly mkfs: readonly string[];
  readonly mountOptions: string;
}

/** Nothing is committed behind the test's back: the longest commit interval. */
export const DISKS: readonly DiskKind[] = [
  { name: "ext4", mkfs: ["mkfs.ext4", "-q"], mountOptions: "commit=300" },
  {
    name: "ext4, noauto_da_alloc",
    mkfs: ["mkfs.ext4", "-q"],
    mountOptions: "commit=300,noauto_da_alloc",
  },
  {
    name: "ext4, data=writeback",
    mkfs: ["mkfs.ext4", "-q"],
    mountOptions: "commit=300,noauto_da_alloc,data=writeback",
  },
  { name: "xfs", mkfs: ["mkfs.xfs", "-q"], mountOptions: "nouuid" },
];

/**
 * EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN have one number and the same flags: write back everything, the log alone, or
 * nothing. See fs/ext4/ext4.h (EXT4_GOING_FLAGS_*) and fs/xfs/libxfs/xfs_fs.h (XFS_FSOP_GOING_FLAGS_*) of Linux.
 */
const CUTS = { "all written back": 0, "the log alone": 1, nothing: 2 } as const;
const SHUTDOWN = "0x8004587d";
export type Cut = keyof typeof CUTS;
export const CUT_KINDS = Object.keys(CUTS) as readonly Cut[];

/** A reason instead of a disk where the machine has no loop device, no such file system or no right to mount. */
export function createLossyDisk({ name, mkfs, mountOptions }: DiskKind): LossyDisk | string {
  // In memory where there is room: a journal is as good there, and many commits are quick.
  const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "mirrorlet-disk-"));
  const mountPoint = join(directory, "mounted");
  let image = join(directory, "image-0");
  let cuts = 0;
  const mount = (): string | undefined => run("mount", "-o", `loop,${mountOptions}`, image, mountPoint);
  writeFileSync(image, "");
  // The least that mkfs.xfs takes; sparse.
  truncateSync(image, 320 * 1024 * 1024);
  mkdirSync(mountPoint);
  const trouble = run(...(mkfs as [string, ...string[]]), image) ?? mount();
  if (trouble !== undefined) {
    rmSync(directory, { recursive: true, force: true });
    return `no ${name} of its own here: ${trouble}`;
  }
  return {
    mountPoint,
    sync: () => must(run("sync", "--file-system", mountPoint)),
    cutPower(how) {
      const code = `my $how = pack("L", $ARGV[1]); open(F, "<", $ARGV[0]) or die $!; ioctl(F, ${SHUTDOWN}, $how) or die $!`;
      must(run("perl", "-e", code, mountPoint, String(CUTS[how])));
      // What the disk has now goes on as another disk: whoever has made a mount namespace meanwhile, as containers do,
      // keeps the first one mounted there, and mounting its image again would give the file system that was shut down.
      const next = join(directory, `image-${++cuts}`);
      must(run("cp", "--sparse=always", image, next) ?? run("umount", mountPoint));
      rmSync(image);
      image = next;
      must(mount());
    },
    remove() {
      run("umount", mountPoint);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** What went wrong; undefined: nothing. */
function run(command: string, ...args: readonly string[]): string | undefined {
  const { status, error, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: 60_000 });
  return status === 0 ? undefined : `${command}: ${error?.message ?? stderr.trim()}`;
}

function must(trouble: string | undefined): void {
  if (trouble !== undefined) throw new Error(trouble);
}
