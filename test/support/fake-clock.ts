import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The wall clock of one process, which a test sets; the machine's own, and its time since boot, stay as they are. */
export interface FakeClock {
  /** For the process whose clock it is. */
  readonly environment: Readonly<Record<string, string>>;
  /** `+10y` and the like are from now on, `@1970-01-01 00:00:10` goes on from there; see faketime(1). */
  set(time: string): void;
}

const library = `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/faketime/libfaketime.so.1`;

/** Why no clock can be faked; undefined when one can. */
export function fakeClockSkipReason(): string | undefined {
  return existsSync(library) ? undefined : "there is no libfaketime on this machine (Debian's faketime)";
}

export function createFakeClock(directory: string): FakeClock {
  const path = join(directory, "fake-time");
  const set = (time: string): void => writeFileSync(path, `${time}\n`);
  set("+0");
  return {
    environment: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: path,
      FAKETIME_NO_CACHE: "1",
      DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
    },
    set,
  };
}
