import { chooseBundle } from "../core/fleet/choose-bundle.ts";
import { DEFAULT_ROLLOUT } from "../core/fleet/default-rollout.ts";
import { parseRolloutFile } from "../core/fleet/parse-rollout-file.ts";
import { planRollout, type RolloutPlan } from "../core/fleet/plan-rollout.ts";
import type { Rollout } from "../core/fleet/rollout.ts";
import type { RolloutDraft } from "../core/fleet/rollout-draft.ts";
import { formatIssue, hasErrors } from "../core/issue.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { planLines } from "./fleet-plan-text.ts";
import type { FleetPicture } from "./fleet-report.ts";
import type { RolloutStartOptions } from "./fleet-store-commands.ts";
import { type Refused, sayDoubt } from "./fleet-store-port.ts";
import type { FleetVerifyDeps } from "./fleet-verify.ts";
import { openPublished } from "./open-published.ts";
import { createPaint } from "./paint.ts";
import { type WatchDeps, watchRollout } from "./watch-rollout.ts";

export interface RolloutStartDeps extends Pick<FleetVerifyDeps, "readSources">, WatchDeps {
  readonly nowMs: () => number;
  /** Who calls, for `createdBy`. */
  readonly user: string;
}

/** `fleet rollout start [FILE]`: counts a rollout out on the nodes there are, says what it will do, and begins it. */
export async function fleetRolloutStart(
  file: string | undefined,
  options: RolloutStartOptions,
  io: CommandIo,
  deps: RolloutStartDeps,
): Promise<ExitCode> {
  const { store, sha256, user } = deps;
  const draft = file === undefined ? DEFAULT_ROLLOUT : await readDraft(file, io, deps);
  if (draft === undefined) return 65;
  const published = openPublished(await store.listBundles(), sha256);
  const past = await store.listPastRollouts();
  const plan = (picture: FleetPicture): RolloutPlan | Refused => {
    const channel = findChannel(options.channel ?? draft.channel, picture);
    if (typeof channel === "string") return { refusals: [channel] };
    if (channel.doubt !== undefined) return { refusals: [sayDoubt(channel.doubt, channel.name)] };
    const to = chooseBundle(options.to, channel.name, published);
    if (!to.ok) return { refusals: [to.message] };
    const wish = {
      draft,
      to: to.bundle,
      id: options.id,
      used: new Set([...past, ...picture.channels.flatMap(({ rollouts }) => rollouts.map(nameOf))]),
      supersedes: options.supersedes ?? [],
      by: options.by ?? user,
      atMs: deps.nowMs(),
      endOf: (digest: string) => published.find((one) => one.digest === digest)?.state.expiresMs,
    };
    return planRollout(wish, channel, picture.view.nodes, sha256);
  };
  const planned = plan(await store.look());
  if (planned.refusals.length > 0 || !("spec" in planned)) return refuse(planned, io);
  for (const warning of planned.warnings) io.stderr(`mirrorlet: warning: ${warning}\n`);
  const { dryRun = false } = options;
  const style = { paint: createPaint(io.color), columns: io.columns };
  if (!io.json) io.stdout(`${planLines(planned, sha256, style).join("\n")}\n`);
  if (dryRun) {
    if (io.json) printJson(io, "fleet-rollout-start", { begun: false, ...shown(planned) });
    else io.stderr("Nothing was written: without --dry-run it begins.\n");
    return 0;
  }
  // What was shown is what begins: made by the same look, but for what has changed within the second.
  let last = planned;
  const begun = await store.beginRollout((picture) => {
    const again = plan(picture);
    if (again.refusals.length > 0 || !("spec" in again)) return again;
    last = again;
    return again.spec;
  });
  if ("refusals" in begun) return refuse(begun, io);
  const { id } = begun.spec;
  if (options.watch) return watchRollout(id, io, deps);
  if (io.json) printJson(io, "fleet-rollout-start", { begun: true, ...shown(last) });
  else io.stderr(`${id} has begun: mirrorlet fleet rollout status ${id} --watch\n`);
  return 0;
}

const nameOf = ({ spec }: Rollout): string => spec.id;

async function readDraft(
  path: string,
  io: CommandIo,
  { readSources }: RolloutStartDeps,
): Promise<RolloutDraft | undefined> {
  const read = await readSources([path]);
  const [source] = read.ok ? read.files : [];
  const parsed = source && parseRolloutFile(source);
  const issues = read.ok ? (parsed?.issues ?? []) : read.issues;
  for (const issue of issues) io.stderr(`${formatIssue(issue)}\n`);
  return hasErrors(issues) ? undefined : parsed?.draft;
}

function findChannel(
  wanted: string | undefined,
  { channels }: FleetPicture,
): FleetPicture["channels"][number] | string {
  const [only, ...more] = channels;
  const names = channels.map(({ name }) => name).join(", ");
  if (only === undefined) return "the fleet has no channel: publish a state first (mirrorlet fleet publish)";
  if (wanted === undefined)
    return more.length === 0 ? only : `say of which --channel, for the fleet has several: ${names}`;
  return channels.find(({ name }) => name === wanted) ?? `there is no channel ${wanted}, but ${names}`;
}

function refuse({ refusals }: Refused, io: CommandIo): ExitCode {
  if (io.json) printJson(io, "fleet-rollout-start", { begun: false, refusals });
  for (const refusal of refusals) io.stderr(`mirrorlet: ${refusal}\n`);
  io.stderr("mirrorlet: no rollout was begun\n");
  return 1;
}

function shown({ spec, warnings, nodes }: RolloutPlan): object {
  return { spec, warnings, nodes: nodes.length };
}
