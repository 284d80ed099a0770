import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** systemd as a service sees it: the socket of sd_notify(3), and a watchdog that kills. */
export interface ServiceManager {
  /** What the service gets in its environment; the watchdog's part only when one is kept. */
  environment(watchdogMs?: number): Readonly<Record<string, string>>;
  /** The next message. */
  next(): Promise<string>;
  /**
   * Sends SIGKILL to the process when no `WATCHDOG=1` came for so long. Resolves when it has done so, or has been
   * dismissed. Takes all messages from now on.
   */
  watch(pid: number, watchdogMs: number): { readonly killed: Promise<boolean>; dismiss(): void };
  stop(): Promise<void>;
}

/** Why there is none here; undefined when there can be. */
export function serviceManagerSkipReason(): string | undefined {
  const hasNotify = spawnSync("systemd-notify", ["--version"]).status === 0;
  return hasNotify ? undefined : "systemd-notify is not installed (Debian package systemd)";
}

// Node has no unix datagram sockets; Perl is on every Debian.
const receiver = `use Socket; $| = 1; socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, pack_sockaddr_un($ARGV[0])) or die $!;
print "listening\\n"; alarm 300; while (defined recv($s, my $m, 4096, 0)) { print "$m\\n" unless $m =~ /BARRIER/ }`;

export async function startServiceManager(): Promise<ServiceManager> {
  const directory = await mkdtemp(join(tmpdir(), "mirrorlet-notify-"));
  const path = join(directory, "notify");
  const child: ChildProcess = spawn("perl", ["-e", receiver, path], { stdio: ["ignore", "pipe", "inherit"] });
  if (child.stdout === null) throw new Error("perl has no output");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  const first = await next();
  if (first !== "listening") throw new Error(`the receiver of notifications does not start: ${first}`);
  return {
    environment: (watchdogMs) => ({
      NOTIFY_SOCKET: path,
      ...(watchdogMs === undefined ? {} : { WATCHDOG_USEC: String(watchdogMs * 1000) }),
    }),
    next,
    watch(pid, watchdogMs) {
      let end = (_killed: boolean): void => {};
      const killed = new Promise<boolean>((resolve) => {
        end = resolve;
      });
      const starve = (): void => {
        process.kill(pid, "SIGKILL");
        end(true);
      };
      let timer = setTimeout(starve, watchdogMs);
      const feed = async (): Promise<void> => {
        for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
          if (line.value !== "WATCHDOG=1") continue;
          clearTimeout(timer);
          timer = setTimeout(starve, watchdogMs);
        }
      };
      void feed();
      return {
        killed,
        dismiss() {
          clearTimeout(timer);
          end(false);
        },
      };
    },
    async stop() {
      child.kill();
      await once(child, "exit");
      await rm(directory, { recursive: true });
    },
  };
}

/** What the unit that is shipped says: `WatchdogSec=10` is 10,000. */
export async function unitWatchdogMs(): Promise<number> {
  const unit = await readFile(join(import.meta.dirname, "../../systemd/mirrorlet.service"), "utf8");
  const seconds = /^WatchdogSec=(\d+)$/m.exec(unit)?.[1];
  if (seconds === undefined) throw new Error("the unit has no WatchdogSec in seconds");
  return Number(seconds) * 1000;
}
