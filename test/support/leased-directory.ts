import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A temp directory that goes away with this process, together with the daemons started in it, however the
 * process ends: SIGKILL included.
 */
export interface LeasedDirectory {
  readonly path: string;
  /** Ends every process noted in `pids/`, then removes the directory. Safe to call twice. */
  release(): Promise<void>;
}

/**
 * The other end of the lease is a shell that waits for its standard input to close. It then ends what the files
 * in `pids/` name, as long as the directory is in that process's command line (a pid may have been reused).
 */
export async function leaseDirectory(prefix: string): Promise<LeasedDirectory> {
  const path = await mkdtemp(join(tmpdir(), `mirrorlet-${prefix}-`));
  await mkdir(join(path, "pids"));
  await writeFile(join(path, "daemons.sh"), daemonFunctions(path));
  const keeper = spawn("/bin/sh", ["-c", keeperScript, "lease", path], {
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  keeper.unref();
  const ended = once(keeper, "exit");
  return {
    path,
    async release() {
      keeper.stdin.end();
      keeper.ref();
      await ended;
    },
  };
}

const keeperScript = `
read -r _
. "$1/daemons.sh"
hold_lock
for file in "$1"/pids/*; do stop_daemon "$file"; done
rm -rf "$1"
`;

/** Shell functions for the keeper and for restart scripts; one lock keeps them from crossing each other. */
function daemonFunctions(path: string): string {
  return `dir='${path}'

# True while the process lives and is ours. A zombie's command line is empty.
is_ours() { grep -qaF "$dir" "/proc/$1/cmdline" 2>/dev/null; }

# On descriptor 9, released when the script ends: start daemons with 9>&-.
hold_lock() { exec 9>"$dir/lock" && flock -w 20 9; }

# SIGTERM, five seconds, SIGKILL.
stop_daemon() {
  [ -s "$1" ] || return 0
  read -r pid <"$1"
  is_ours "$pid" && kill "$pid" 2>/dev/null
  tries=0
  while is_ours "$pid" && [ $tries -lt 250 ]; do sleep 0.02; tries=$((tries + 1)); done
  is_ours "$pid" && kill -9 "$pid" 2>/dev/null
  while is_ours "$pid" && [ $tries -lt 500 ]; do sleep 0.02; tries=$((tries + 1)); done
  rm -f "$1"
}
`;
}
