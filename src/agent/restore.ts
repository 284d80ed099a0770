import { revertConfigEdit } from "../core/containerd/config/revert-config-edit.ts";
import { isOwned } from "../core/file-tree.ts";
import { equalBytes } from "../core/plan/equal-bytes.ts";
import { planCerts } from "../core/plan/plan-certs.ts";
import type { EditConfigStep } from "../core/plan/step.ts";
import { changeConfig } from "./change-config.ts";
import { describeStep, executeStep, isFileStep } from "./execute.ts";
import { legacyDirectory } from "./legacy-directory.ts";
import { observeHost } from "./observe-host.ts";
import { configContext, type PassContext } from "./pass-context.ts";
import type { Original } from "./state-directory.ts";

export type RestoreResult =
  | { readonly ok: true; readonly done: readonly string[] }
  | { readonly ok: false; readonly done: readonly string[]; readonly message: string };

/**
 * Puts the node back as it was before mirrorlet ever wrote: config.toml first (its restart is held to the same
 * gate), then what we own in certs.d. What others changed since stays theirs: in a config.toml that somebody
 * else has edited, only our keys are put back.
 */
export async function restore(context: PassContext): Promise<RestoreResult> {
  const { ports, state, config } = context;
  const done: string[] = [];
  const version = await ports.containerd.version();
  if (version === undefined)
    return {
      ok: false,
      done,
      message: `${config.containerd.binary} --version does not answer: nothing was changed`,
    };
  const originals = await state.originals();
  const host = await observeHost(ports, config, version);
  const original = originals.find(({ path }) => path === config.containerd.config);
  if (original !== undefined) {
    const planned = revertStep(original, host.config.file?.bytes, version);
    if ("message" in planned) return { ok: false, done, message: planned.message };
    if (planned.step !== undefined) {
      const failure = await putBack(planned.step, context);
      if (failure !== undefined) return { ok: false, done, message: failure };
      done.push(describeStep(planned.step));
    }
    if (original.bytes === undefined && planned.removable) await ports.files.remove([original.path]);
  }
  const certs = planCerts([], host.certsD, { adopt: false, kept: [], dropMoved: true });
  for (const step of certs.removals.filter(isFileStep)) {
    await executeStep(step, { files: ports.files, state });
    done.push(describeStep(step));
  }
  const ours = host.legacyFiles.files.filter((file) => isOwned(file.bytes)).map((file) => file.path);
  await ports.files.remove(ours);
  await putAdoptedBack(originals, context, done);
  await state.clear();
  return { ok: true, done };
}

type Revert =
  | { readonly step: EditConfigStep | undefined; readonly removable: boolean }
  | { readonly message: string };

function revertStep(
  original: Original,
  current: Uint8Array | undefined,
  version: Parameters<typeof revertConfigEdit>[0]["version"],
): Revert {
  if (current === undefined) return { step: undefined, removable: false };
  const { path } = original;
  const result = revertConfigEdit({
    path,
    current: decode(current),
    original: original.bytes === undefined ? undefined : decode(original.bytes),
    version,
  });
  if (!result.ok) return { message: result.issues.map((issue) => issue.message).join("; ") };
  const after = new TextEncoder().encode(result.text);
  const changes = ["registry settings as they were before mirrorlet"];
  const step: EditConfigStep = {
    kind: "edit-config",
    path,
    before: current,
    after,
    mode: original.mode,
    changes,
  };
  return { step: equalBytes(after, current) ? undefined : step, removable: result.text.trim() === "" };
}

async function putBack(step: EditConfigStep, context: PassContext): Promise<string | undefined> {
  const { record } = await context.state.loadRecord();
  const progress = { done: [], restarts: [], record, wanted: undefined };
  const change = { step, reason: "restore", digest: "restore", generation: 0, canaries: [], migrated: [] };
  const { outcome } = await changeConfig(record, change, configContext(context, progress));
  return "message" in outcome
    ? `containerd does not come up well on the restored ${step.path}: ${outcome.message}`
    : undefined;
}

async function putAdoptedBack(
  originals: readonly Original[],
  context: PassContext,
  done: string[],
): Promise<void> {
  const { files } = context.ports;
  const configPath = context.config.containerd.config;
  for (const { path, bytes, mode } of originals) {
    if (path === configPath || bytes === undefined) continue;
    if (path.startsWith(`${legacyDirectory(context.config)}/`)) continue;
    await files.write([{ path, bytes, mode, secret: true }]);
    done.push(`put ${path} back`);
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
