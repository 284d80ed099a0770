import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { LogEntry } from "../../src/agent/evidence/unit-log.ts";
import { createUnitJournal } from "../../src/host/follow-journal.ts";
import { until } from "../e2e/support/evidence-node.ts";
import { journalSkipReason, type LabJournal, startJournal } from "../support/journal.ts";
import { scratch } from "./scratch.ts";

const UNIT = "containerd.service";
const ASK = "are you there?";
const SOURCE = join(import.meta.dirname, "../../src/host/follow-journal.ts");

interface Follow {
  readonly entries: LogEntry[];
  readonly texts: () => readonly string[];
  end(): Promise<string>;
}

const followerOf = (after: string | undefined, entries: LogEntry[]) => ({
  after,
  isOfInterest: (text: string) => !text.includes("noise"),
  onOpen() {},
  onEntry: (entry: LogEntry) => entries.push(entry),
  onPlace() {},
});

/**
 * Begun again as long as journalctl ends by itself before the first line: all that runs as root shares the inotify
 * instances of a machine, and without one it cannot follow.
 */
function follow(root: string, after?: string): Follow {
  const entries: LogEntry[] = [];
  const abort = new AbortController();
  const run = async (): Promise<string> => {
    for (;;) {
      const why = await createUnitJournal({ unit: UNIT, root }).follow(
        followerOf(after, entries),
        abort.signal,
      );
      if (abort.signal.aborted || entries.length > 0 || !/Insufficient watch/.test(why)) return why;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const ended = run();
  return {
    entries,
    texts: () => entries.map(({ text }) => text).filter((text) => text !== ASK),
    end: () => {
      abort.abort();
      return ended;
    },
  };
}

/** There is no journal before its first entry is written. */
async function openJournal(context: TestContext): Promise<LabJournal> {
  const journal = startJournal(scratch(context));
  context.after(() => journal.stop());
  journal.write(UNIT, "written before");
  await until("the journal can be read", () => {
    const { stdout } = spawnSync("journalctl", [`--root=${journal.root}`, `--unit=${UNIT}`, "--quiet"]);
    return stdout.includes("written before");
  });
  return journal;
}

/** journalctl has no way to say that it follows now: it is asked until it answers. */
async function untilFollowed(journal: LabJournal, { entries, end }: Follow): Promise<void> {
  await until("the journal is followed", () => {
    journal.write(UNIT, ASK);
    return entries.length > 0;
  }).catch(async (error: Error) => {
    throw new Error(`${error.message}; ${await end()}`);
  });
}

const skip = { skip: journalSkipReason() ?? false };

test("lines of the unit come as they are written, and none from before", skip, async (context) => {
  const journal = await openJournal(context);
  const following = follow(journal.root);
  context.after(() => following.end());
  await untilFollowed(journal, following);
  journal.write("other.service", "of another unit");
  journal.write(UNIT, "noise");
  journal.write(UNIT, 'level=info msg="grüße\tund \\"mehr\\""');
  journal.write(UNIT, "x".repeat(40_000));
  journal.write(UNIT, "y".repeat(200_000));
  journal.write(UNIT, "last");
  await until("the last line comes", () => following.texts().includes("last"));
  assert.deepEqual(following.texts(), ['level=info msg="grüße\tund \\"mehr\\""', "x".repeat(40_000), "last"]);
  assert.ok(Math.abs((following.entries.at(-1)?.atMs ?? 0) - Date.now()) < 60_000);
  assert.match(await following.end(), /journalctl was ended by SIGTERM/);
});

test("after a cursor, everything comes that was written since", skip, async (context) => {
  const journal = await openJournal(context);
  const first = follow(journal.root);
  await untilFollowed(journal, first);
  journal.write(UNIT, "seen");
  await until("the line comes", () => first.texts().includes("seen"));
  await first.end();
  const missed = Array.from({ length: 30 }, (_, i) => `while nobody listened ${i}`);
  for (const text of missed) journal.write(UNIT, text);
  const again = follow(journal.root, first.entries.at(-1)?.cursor);
  context.after(() => again.end());
  await until("the last of them comes", () => again.texts().length >= missed.length);
  assert.deepEqual(again.texts(), missed);
});

test("where there is no journal, or no such place in it, the reason comes back", skip, async (context) => {
  const journal = await openJournal(context);
  const signal = AbortSignal.timeout(20_000);
  const ends = (root: string, after?: string) =>
    createUnitJournal({ unit: UNIT, root }).follow(followerOf(after, []), signal);
  assert.match(await ends(scratch(context)), /^journalctl ended with status 1: .+/);
  assert.match(await ends(journal.root, "nonsense"), /^journalctl ended with status 1: .*cursor/i);
});

const canLimit =
  spawnSync("unshare", ["-Ur", "sh", "-c", "echo 0 > /proc/sys/user/max_inotify_instances"]).status === 0;
const noLimit = canLimit
  ? skip.skip
  : "needs user namespaces, to take the inotify instances from one process";

test("with no descriptor left, that is what it ends with", skip, async (context) => {
  const script = join(scratch(context), "follow.mts");
  writeFileSync(
    script,
    `import { openSync } from "node:fs";
     import { createUnitJournal } from ${JSON.stringify(SOURCE)};
     const unit = createUnitJournal({ unit: "containerd.service", root: "" });
     const follower = { after: undefined, isOfInterest: () => true, onOpen() {}, onEntry() {}, onPlace() {} };
     const follow = () => unit.follow(follower, AbortSignal.timeout(1));
     const whys = [await follow()];
     try { for (;;) openSync("/dev/null"); } catch {}
     whys.push(await follow());
     process.stdout.write(JSON.stringify(whys));`,
  );
  const command = ["-c", 'ulimit -n 256; exec "$@"', "-", process.execPath, "--import", "tsx", script];
  const [started, refused] = JSON.parse(execFileSync("sh", command, { encoding: "utf8" }));
  assert.match(started, /SIGTERM|status/);
  assert.match(refused, /EMFILE/);
});

test("with no inotify instance left nothing is lost: it ends with the place from which to go on", {
  skip: noLimit,
}, async (context) => {
  const journal = await openJournal(context);
  const script = join(scratch(context), "follow.mts");
  writeFileSync(
    script,
    `import { createUnitJournal } from ${JSON.stringify(SOURCE)};
     const told = { entries: [], place: undefined };
     const follower = {
       after: process.argv[2],
       isOfInterest: () => true,
       onOpen() {},
       onEntry: ({ text }) => told.entries.push(text),
       onPlace: (place) => { told.place = place; },
     };
     const unit = createUnitJournal({ unit: ${JSON.stringify(UNIT)}, root: ${JSON.stringify(journal.root)} });
     const why = await unit.follow(follower, AbortSignal.timeout(20_000));
     console.log(JSON.stringify({ ...told, why }));`,
  );
  const run = (...args: readonly string[]) => {
    const command = [process.execPath, "--import", "tsx", script, ...args];
    const limited = 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$@"';
    const output = execFileSync("unshare", ["-Ur", "sh", "-c", limited, "-", ...command], {
      encoding: "utf8",
    });
    return JSON.parse(output) as { entries: string[]; place?: string; why: string };
  };
  const first = run();
  assert.deepEqual(first.entries, []);
  assert.match(first.why, /ended with status 0: .*fs\.inotify\.max_user_instances is too low/);
  assert.ok(first.place);
  journal.write(UNIT, "meanwhile");
  await until("it is written", () => {
    const { stdout } = spawnSync("journalctl", [`--root=${journal.root}`, "--quiet"]);
    return stdout.includes("meanwhile");
  });
  const second = run(first.place);
  assert.deepEqual(second.entries, ["meanwhile"]);
  assert.deepEqual(run(second.place ?? "").entries, []);
});
