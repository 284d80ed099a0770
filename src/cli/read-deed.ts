import { FLEET_LIMITS } from "../core/fleet/fleet-limits.ts";
import type { Deed } from "../core/fleet/rollout-state.ts";
import { plainText } from "../core/plain-text.ts";
import type { DeedOptions } from "./fleet-store-commands.ts";

/** Who does something, and why, as it is kept. */
export function readDeed(
  { by, reason = "" }: Pick<DeedOptions, "by" | "reason">,
  user: string,
  atMs: number,
): Deed | { readonly usage: string } {
  const { message } = FLEET_LIMITS;
  if (reason.length > message || (by ?? "").length > message)
    return { usage: `--reason and --by have room for ${message} characters` };
  return { by: plainText(by ?? user).slice(0, message), reason: plainText(reason), atMs };
}
