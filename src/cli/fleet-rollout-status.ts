import { isEnded } from "../core/fleet/rollout-state.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { type FleetPicture, reportRollout } from "./fleet-report.ts";
import { rolloutJson } from "./fleet-rollout-json.ts";
import { rolloutLines } from "./fleet-rollout-text.ts";
import { createPaint } from "./paint.ts";
import { exitCodeOf, type WatchDeps, watchRollout } from "./watch-rollout.ts";

/** `fleet rollout status [ID]`: without one, those that go on, else the newest. 2: there is none. */
export async function fleetRolloutStatus(
  id: string | undefined,
  { watch }: { readonly watch: boolean | undefined },
  io: CommandIo,
  deps: WatchDeps,
): Promise<ExitCode> {
  const picture = await deps.store.look();
  const ids = id === undefined ? chooseRollouts(picture) : [id];
  const reports = ids.flatMap((one) => reportRollout(picture, one, deps.sha256) ?? []);
  const [first] = reports;
  if (first === undefined) {
    io.stderr(`mirrorlet: ${id === undefined ? "there was no rollout yet" : `there is no rollout ${id}`}\n`);
    return 2;
  }
  if (watch) {
    if (reports.length === 1) return watchRollout(first.spec.id, io, deps);
    io.stderr(`mirrorlet: several go on, say which: ${ids.join(", ")}\n`);
    return 64;
  }
  const { atMs } = picture;
  const style = { paint: createPaint(io.color), columns: io.columns };
  if (io.json) {
    const rollouts = reports.map((report) => rolloutJson(report, atMs));
    printJson(io, "fleet-rollouts", { fleet: picture.fleet, rollouts });
  } else
    io.stdout(`${reports.map((report) => rolloutLines(report, atMs, style).join("\n")).join("\n\n\n")}\n`);
  return reports.some((report) => exitCodeOf(report) === 1) ? 1 : 0;
}

function chooseRollouts(picture: FleetPicture): readonly string[] {
  const all = picture.channels.flatMap(({ rollouts }) => rollouts);
  const live = all.filter(({ state }) => !isEnded(state));
  const newest = all.toSorted((a, b) => b.state.startedMs - a.state.startedMs).slice(0, 1);
  return (live.length > 0 ? live : newest).map(({ spec }) => spec.id);
}

/** The one that is meant where no id is given; a text: why none is. */
export function findOnlyLive(picture: FleetPicture): { readonly id: string } | { readonly message: string } {
  const live = picture.channels.flatMap(({ rollouts }) => rollouts).filter(({ state }) => !isEnded(state));
  const [only, ...more] = live.map(({ spec }) => spec.id);
  if (only === undefined) return { message: "no rollout goes on" };
  return more.length === 0
    ? { id: only }
    : { message: `several go on, say which: ${[only, ...more].join(", ")}` };
}
