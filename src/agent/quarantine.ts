import type { ContainerdVersion } from "../core/containerd/version.ts";
import type { ApplyRecord } from "./apply-record.ts";
import { observeConfig } from "./observe-host.ts";
import type { PassContext } from "./pass-context.ts";

/**
 * A desired state, or a switch of traces, failed against a containerd and a configuration. When somebody has installed
 * another containerd or has mended config.toml or a drop-in, it deserves another try without being changed itself.
 */
export async function reviewQuarantine(
  record: ApplyRecord,
  version: ContainerdVersion,
  { ports, state, config }: PassContext,
): Promise<ApplyRecord> {
  const { quarantine, tracesQuarantine, ...rest } = record;
  if (quarantine === undefined && tracesQuarantine === undefined) return record;
  const { file, imports } = await observeConfig(ports.files, config.containerd.config, version);
  const main = file === undefined ? null : new TextDecoder().decode(file.bytes);
  const text = JSON.stringify([version.text, main, imports]);
  const basis = ports.sha256(new TextEncoder().encode(text));
  const [still, tracesStill] = [review(quarantine, basis), review(tracesQuarantine, basis)];
  if (still === quarantine && tracesStill === tracesQuarantine) return record;
  if (quarantine !== undefined && still === undefined)
    ports.log.info(
      { generation: quarantine.generation },
      "what a desired state failed on has changed: trying it again",
    );
  const next: ApplyRecord = {
    ...rest,
    ...(still === undefined ? {} : { quarantine: still }),
    ...(tracesStill === undefined ? {} : { tracesQuarantine: tracesStill }),
  };
  await state.saveRecord(next);
  return next;
}

/** The same; with its basis, when that was not known yet; undefined when it is over. */
function review<Q extends { readonly basis?: string }>(held: Q | undefined, basis: string): Q | undefined {
  if (held === undefined || held.basis === basis) return held;
  return held.basis === undefined ? { ...held, basis } : undefined;
}
