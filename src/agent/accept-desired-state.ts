import type { SourceFile } from "../core/desired-state/source-file.ts";
import { type Acceptance, type AcceptedSources, acceptSources } from "../core/signing/accept-sources.ts";
import type { SigningPorts } from "../core/signing/check-signed-state.ts";
import type { Clock } from "./ports.ts";
import { floorOf } from "./serial-floors.ts";
import type { StateDirectory } from "./state-directory.ts";

/** `acceptSources`, with what this node remembers of signed states. */
export async function acceptDesiredState(
  files: readonly SourceFile[],
  acceptance: Omit<Acceptance, "standingOf" | "isLook">,
  {
    state,
    clock,
    signing,
  }: {
    readonly state: Pick<StateDirectory, "loadRecord" | "loadFloors">;
    readonly clock: Pick<Clock, "now">;
    readonly signing: SigningPorts;
  },
): Promise<AcceptedSources> {
  const { record } = await state.loadRecord();
  const stored = await state.loadFloors();
  const standingOf: Acceptance["standingOf"] = (fleet, channel) => {
    const floor = floorOf(stored, record, fleet, channel);
    return floor === undefined
      ? "damaged"
      : { floor, runningDigest: record.signed?.digest, nowMs: clock.now() };
  };
  return acceptSources(files, { ...acceptance, isLook: false, standingOf }, signing);
}
