import { commandRollout, type RolloutVerb } from "../core/fleet/command-rollout.ts";
import type { Rollout } from "../core/fleet/rollout.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { nameBundle } from "./fleet-figures.ts";
import { checkRevert } from "./fleet-revert.ts";
import { findOnlyLive } from "./fleet-rollout-status.ts";
import type { DeedOptions } from "./fleet-store-commands.ts";
import type { FleetStorePort } from "./fleet-store-port.ts";
import { readDeed } from "./read-deed.ts";

export interface RolloutCommandDeps {
  readonly store: FleetStorePort;
  readonly nowMs: () => number;
  readonly user: string;
}

/** `fleet rollout pause|resume|retry|halt|revert|expedite [ID]`; without an id, the only one that goes on. */
export async function fleetRolloutCommand(
  verb: RolloutVerb,
  wanted: string | undefined,
  options: DeedOptions,
  io: CommandIo,
  { store, nowMs, user }: RolloutCommandDeps,
): Promise<ExitCode> {
  const say = (message: string): ExitCode => {
    io.stderr(`mirrorlet: ${message}\n`);
    return 1;
  };
  const deed = readDeed(options, user, nowMs());
  if ("usage" in deed) {
    say(deed.usage);
    return 64;
  }
  const found = wanted === undefined ? findOnlyLive(await store.look()) : { id: wanted };
  if ("message" in found) return say(found.message);
  const remark = verb === "revert" ? checkRevert(found.id, await store.look()) : undefined;
  if (remark?.isRefused) return say(remark.message);
  if (remark !== undefined) io.stderr(`mirrorlet: warning: ${remark.message}\n`);
  let meant: Rollout | undefined;
  const result = await store.changeRollout(found.id, (rollout) => {
    meant = rollout;
    return commandRollout(rollout, verb, deed);
  });
  if (result === "missing" || meant === undefined) return say(`there is no rollout ${found.id}`);
  if (!result.ok) return say(result.message);
  if (io.json) printJson(io, "fleet-rollout-command", { id: found.id, verb, state: result.state });
  else io.stdout(`${describe(verb, { ...meant, state: result.state })}\n`);
  return 0;
}

function describe(verb: RolloutVerb, { spec, state }: Rollout): string {
  switch (verb) {
    case "pause":
      return `${spec.id} is paused: who has been told goes on, nobody else is told; resume ends that`;
    case "resume":
      return `${spec.id} goes on`;
    case "retry":
      return `${spec.id} goes on, attempt ${state.attempt}: nodes that refused are asked again`;
    case "halt":
      return `${spec.id} is halted: who has begun finishes, nobody else is told; resume, revert or a rollout that supersedes it come next`;
    case "revert":
      if (state.halted?.wave === undefined) return `${spec.id} ends; no node had been told to apply it`;
      return `${spec.id} goes back${spec.from === undefined ? "" : `: nodes get ${nameBundle(spec.from)} again`}`;
    case "expedite":
      return `${spec.id} is in a hurry: short bakes, no windows, no wait for evidence; canaries and caps stay`;
    default:
      return verb satisfies never;
  }
}
