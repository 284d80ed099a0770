import type { ContainerdVersion } from "../core/containerd/version.ts";
import type { ApplyRecord } from "./apply-record.ts";
import { observeConfig } from "./observe-host.ts";
import type { PassContext } from "./pass-context.ts";

/**
 * A desired state failed against a containerd and a configuration. When somebody has installed another containerd
 * or has mended config.toml or a drop-in, it deserves another try without being changed itself.
 */
export async function reviewQuarantine(
  record: ApplyRecord,
  version: ContainerdVersion,
  { ports, state, config }: PassContext,
): Promise<ApplyRecord> {
  const { quarantine, ...rest } = record;
  if (quarantine === undefined) return record;
  const { file, imports } = await observeConfig(ports.files, config.containerd.config, version);
  const main = file === undefined ? null : new TextDecoder().decode(file.bytes);
  const text = JSON.stringify([version.text, main, imports]);
  const basis = ports.sha256(new TextEncoder().encode(text));
  if (quarantine.basis === basis) return record;
  if (quarantine.basis !== undefined)
    ports.log.info(
      { generation: quarantine.generation },
      "what a desired state failed on has changed: trying it again",
    );
  const next: ApplyRecord =
    quarantine.basis === undefined ? { ...rest, quarantine: { ...quarantine, basis } } : rest;
  await state.saveRecord(next);
  return next;
}
