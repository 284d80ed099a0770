import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { LogEntry } from "../../src/agent/evidence/unit-log.ts";
import { createUnitJournal } from "../../src/host/follow-journal.ts";
import { until } from "../e2e/support/evidence-node.ts";
import { journalSkipReason, type LabJournal, startJournal } from "../support/journal.ts";
import { scratch } from "./scratch.ts";

const UNIT = "containerd.service";
const ASK = "are you there?";

interface Follow {
  readonly entries: LogEntry[];
  readonly texts: () => readonly string[];
  readonly endedWith: () => string | undefined;
  end(): Promise<string>;
}

function follow(root: string, after?: string, unit = UNIT): Follow {
  const entries: LogEntry[] = [];
  const abort = new AbortController();
  const follower = {
    after,
    isOfInterest: (text: string) => !text.includes("noise"),
    onOpen() {},
    onEntry: (entry: LogEntry) => entries.push(entry),
  };
  const ended = createUnitJournal({ unit, root }).follow(follower, abort.signal);
  let endedWith: string | undefined;
  void ended.then((why) => {
    endedWith = why;
  });
  return {
    entries,
    endedWith: () => endedWith,
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
  await until("the journal can be followed", async () => {
    const attempt = follow(journal.root);
    await new Promise((resolve) => setTimeout(resolve, 200));
    return (await attempt.end()).includes("SIGTERM");
  });
  return journal;
}

/** journalctl has no way to say that it follows now: it is asked until it answers. */
async function untilFollowed(journal: LabJournal, { entries, endedWith }: Follow): Promise<void> {
  await until("the journal is followed", () => {
    assert.equal(endedWith(), undefined);
    journal.write(UNIT, ASK);
    return entries.length > 0;
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
  const follower = { isOfInterest: () => true, onOpen() {}, onEntry() {} };
  const ends = (root: string, after?: string) =>
    createUnitJournal({ unit: UNIT, root }).follow({ ...follower, after }, signal);
  assert.match(await ends(scratch(context)), /^journalctl ended with status 1: .+/);
  assert.match(await ends(journal.root, "nonsense"), /^journalctl ended with status 1: .*cursor/i);
});
