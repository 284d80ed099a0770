import { countStable } from "../core/fleet/count-stable.ts";
import type { NamedChannel } from "../core/fleet/find-channel.ts";
import type { Rollout } from "../core/fleet/rollout.ts";
import { time } from "../core/signing/judge-signed-state.ts";
import { matchesSelector } from "../core/signing/selector.ts";
import { countNodes } from "./fleet-figures.ts";
import type { FleetPicture } from "./fleet-report.ts";

/** What keeps nodes of a rollout from going back. */
export interface RevertRemark {
  /** None of them could. */
  readonly isRefused: boolean;
  readonly message: string;
}

/** Nodes refuse what has expired, also what they had before; that is told before, and not by each of them. */
export function checkRevert(
  id: string,
  { channels, view, ending, atMs }: FleetPicture,
): RevertRemark | undefined {
  const found = findRollout(id, channels);
  if (found === undefined || !hasTouched(found.rollout)) return undefined;
  const { channel, rollout } = found;
  const { scope, to } = rollout.spec;
  const nodes = view.nodes.filter((node) => matchesSelector(scope, node));
  const back = countStable(channel.channel, nodes).filter(({ digest }) => digest !== to.digest);
  const over = back.flatMap(({ digest, nodes }) => {
    const end = ending.find((one) => one.digest === digest && one.endMs <= atMs);
    return end === undefined ? [] : [{ ...end, nodes }];
  });
  const [first] = over;
  if (first === undefined) return undefined;
  const states = over.map(({ serial, endMs }) => `serial ${serial} (${time(endMs)})`).join(", ");
  const count = over.reduce((sum, one) => sum + one.nodes, 0);
  const next = `sign it anew with a higher serial (mirrorlet fleet sign), publish it, ${rollout.state.phase === "halted" ? "" : `halt ${id}, `}and mirrorlet fleet rollout start --channel ${channel.name} --to SERIAL --supersedes ${id}`;
  return {
    isRefused: over.length === back.length,
    message: `what ${countNodes(count)} would go back to has expired, and they would refuse it: ${states}: ${next}`,
  };
}

function findRollout(id: string, channels: readonly NamedChannel[]) {
  for (const channel of channels) {
    const rollout = channel.rollouts.find(({ spec }) => spec.id === id);
    if (rollout !== undefined) return { channel, rollout };
  }
  return undefined;
}

/** Before that, there is nothing to take back. */
function hasTouched({ state: { phase, halted } }: Rollout): boolean {
  return phase === "waves" || (phase === "halted" && halted?.wave !== undefined);
}
