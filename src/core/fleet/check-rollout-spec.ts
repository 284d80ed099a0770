import type { RecordReader } from "./record-reader.ts";
import type { DraftWave, RolloutDraft } from "./rollout-draft.ts";

/** A rollout, or one whose waves have not been counted out on a fleet yet. */
type CheckedSpec = Pick<RolloutDraft, "waves" | "spreadMs" | "soakMs" | "reportByMs" | "preflight">;

/** What no single key shows: orders, sums, and what would never end. */
export function checkRolloutSpec(spec: CheckedSpec, reader: RecordReader, reportByKey: string): void {
  const { waves, spreadMs, soakMs, reportByMs, preflight } = spec;
  if (reportByMs <= spreadMs + soakMs) {
    const message = `a node needs the spread and the soak together (${(spreadMs + soakMs) / 1000} s) before it can report, and would count as silent`;
    reader.refuse(reportByKey, message, "raise the time to report");
  }
  if (preflight.nodes === "all" && preflight.reportByMs <= spreadMs)
    reader.refuse(
      "preflight",
      "a node may wait the whole spread before it answers",
      "raise the time to report",
    );
  if (waves.length === 0) reader.refuse("waves", "there is no wave, so nothing would happen", "add one");
  checkLast(waves.at(-1), reader);
  waves.forEach((wave, index) => {
    checkFollows(wave, waves.slice(0, index), index, reader);
  });
}

function checkLast(last: DraftWave | undefined, reader: RecordReader): void {
  if (last === undefined) return;
  if (last.pick.kind === "percent" && last.pick.percent === 100) return;
  const message =
    "the last wave does not take everybody who is left, and at its end the whole scope would get the new state at once";
  reader.refuse("waves", message, "let the last wave pick 100 percent; narrow the scope to leave nodes out");
}

function checkFollows(
  wave: DraftWave,
  before: readonly DraftWave[],
  index: number,
  reader: RecordReader,
): void {
  const say = (message: string, fix: string): void => {
    reader.refuse("waves", `waves[${index}], ${wave.name}: ${message}`, fix);
  };
  const previous = before.at(-1);
  if (before.some(({ name }) => name === wave.name))
    say("another wave has the same name", "give each a name of its own");
  if (previous !== undefined && wave.maxInFlight < previous.maxInFlight)
    say(
      `maxInFlight is ${wave.maxInFlight} after ${previous.maxInFlight} in the wave before, whose nodes may still be under way`,
      "raise it, or lower the one before",
    );
  if (wave.maxBakeMs < wave.bakeMs)
    say("the longest bake is shorter than the bake", "raise the longest bake");
  if (wave.pick.kind !== "percent") return;
  const percents = before.flatMap(({ pick }) => (pick.kind === "percent" ? [pick.percent] : []));
  const highest = Math.max(0, ...percents);
  if (wave.pick.percent <= highest)
    say(
      `${wave.pick.percent} percent of the scope are ${highest === 0 ? "nobody" : `in the waves before, which take ${highest}`}`,
      "raise it: percents count from the beginning",
    );
}
