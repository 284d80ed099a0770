import { time } from "../signing/judge-signed-state.ts";
import type { SignedState } from "../signing/signed-state.ts";
import { SIGNING_LIMITS } from "../signing/signing-limits.ts";
import type { Bundle } from "./bundle.ts";
import { type Channel, listStable } from "./channel.ts";

/** A signed document that is to be published, or was. */
export interface PublishedState extends Bundle {
  readonly state: SignedState;
}

export interface Remarks {
  /** Why it is not done. */
  readonly refusals: readonly string[];
  readonly warnings: readonly string[];
}

/** Whether a signed document may go into a fleet's engine. `channel` undefined: the fleet has none of its name. */
export function checkPublished(
  { state, digest, serial }: PublishedState,
  size: number,
  fleet: string,
  channel: Channel | undefined,
  others: readonly PublishedState[],
  nowMs: number,
): Remarks {
  const refusals: string[] = [];
  const warnings: string[] = [];
  if (state.fleet !== fleet) refusals.push(`it is signed for the fleet ${state.fleet}, and this is ${fleet}`);
  if (size > SIGNING_LIMITS.feedBytes)
    refusals.push(`it has ${size} bytes, more than the ${SIGNING_LIMITS.feedBytes} that a feed carries`);
  if (state.expiresMs <= nowMs)
    refusals.push(`it has expired (${time(state.expiresMs)}): no node would put it in force; sign it anew`);
  const own = others.filter((other) => other.state.channel === state.channel);
  if (own.some((other) => other.serial === serial && other.digest !== digest))
    refusals.push(`${state.channel} has another state with serial ${serial}: sign with a higher --serial`);
  const highest = Math.max(0, ...own.map((other) => other.serial));
  if (serial < highest)
    warnings.push(`${state.channel} has states up to serial ${highest}; this is an older one`);
  return { refusals, warnings: [...warnings, ...remarkFloor(state, channel)] };
}

/** Nodes that have soaked it refuse everything below its floor, for ever: also what they would go back to. */
export function remarkFloor(
  { floorSerial }: Pick<SignedState, "floorSerial">,
  channel: Channel | undefined,
): readonly string[] {
  const closed = (channel ? listStable(channel) : []).filter((one) => one.serial < floorSerial);
  if (closed.length === 0) return [];
  const serials = [...new Set(closed.map((one) => one.serial))].join(", ");
  return [
    `its floor is ${floorSerial}, and nodes run serial ${serials} now: who has soaked it cannot be taken back by the fleet`,
  ];
}
