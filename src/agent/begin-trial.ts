import type { ApplyRecord, Trial } from "./apply-record.ts";
import type { ConfigContext } from "./config-change.ts";

/** A change has passed the gate: what is needed to take it back later is kept, the last good state before it included. */
export async function beginTrial(
  record: ApplyRecord,
  { ports, state }: ConfigContext,
): Promise<Trial | undefined> {
  const { pendingRestart: change } = record;
  const version = await ports.containerd.version();
  if (change === undefined || version === undefined) return undefined;
  const unit = await ports.containerd.unitState();
  await state.saveFormerGood(await state.loadLastKnownGood());
  const { digest, generation, appliedMs, configDigest, criCredentialHosts, undecidedHosts, traces, signed } =
    record;
  return {
    change,
    began: { bootId: ports.clock.bootId, uptimeMs: ports.clock.uptimeMs() },
    version: version.text,
    restarts: unit?.restarts ?? 0,
    before: {
      ...(digest === undefined ? {} : { digest }),
      generation,
      ...(appliedMs === undefined ? {} : { appliedMs }),
      ...(configDigest === undefined ? {} : { configDigest }),
      criCredentialHosts,
      undecidedHosts,
      ...(traces === undefined ? {} : { traces }),
      ...(signed === undefined ? {} : { signed }),
    },
  };
}
