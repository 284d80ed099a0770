import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { tracesReceiver } from "../core/containerd/tracing/traces-endpoint.ts";
import { isOwned } from "../core/file-tree.ts";
import { planCerts } from "../core/plan/plan-certs.ts";
import { redactSecrets } from "../core/redact-secrets.ts";
import type { ApplyRecord } from "./apply-record.ts";
import { describeStep, executeStep, isFileStep } from "./execute.ts";
import { formerRoots, planFormerRemovals } from "./former-roots.ts";
import { passHealthGate } from "./health-gate.ts";
import { legacyDirectory } from "./legacy-directory.ts";
import type { Original } from "./originals.ts";
import type { PassContext } from "./pass-context.ts";
import { sweepStrays } from "./reconciler.ts";
import { restoreConfig } from "./restore-config.ts";
import { restoreTraces } from "./restore-traces.ts";

export type RestoreResult =
  | { readonly ok: true; readonly done: readonly string[]; readonly restartNeeded: boolean }
  | { readonly ok: false; readonly done: readonly string[]; readonly message: string };

/**
 * Puts the node back as it was before mirrorlet ever wrote, whatever state containerd is in: config.toml and what
 * switches traces on, one restart if any of it changed, then what we own in certs.d. What others changed since stays theirs. Nothing is ever
 * rolled forward again: what containerd says after its restart is told, and the files stay as they were before us.
 * The state is kept only when some file could not be put back, so that another try can.
 */
export async function restore(context: PassContext): Promise<RestoreResult> {
  const { ports, state, config } = context;
  const done: string[] = [];
  const failures: string[] = [];
  const attempt = async (work: () => Promise<readonly string[]>): Promise<void> => {
    try {
      done.push(...(await work()));
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  };
  // Without config.toml as it was, what it needs of certs.d must stay, too.
  const damage = await state.originalsDamage();
  if (damage !== undefined) return { ok: false, done, message: `nothing is put back: ${damage}` };
  const { record } = await state.loadRecord();
  const originals = await state.originals();
  let changed = false;
  await attempt(async () => {
    const version = (await ports.containerd.version())?.text ?? record.containerdVersion;
    const original = originals.find(({ path }) => path === config.containerd.config);
    const restored = await restoreConfig(original, version, receiversOf(record, config), ports);
    changed ||= restored.changed;
    return restored.done;
  });
  await attempt(async () => {
    const traces = await restoreTraces(record, context);
    changed ||= traces.done.length > 0;
    done.push(...traces.done);
    if (traces.trouble !== undefined) throw new Error(traces.trouble);
    return [];
  });
  const needed = changed || record.pendingRestart !== undefined;
  const trouble = needed && context.mayRestart ? await restartOnce(context) : undefined;
  for (const original of originals) await attempt(() => putAdoptedBack(original, context));
  await attempt(() => removeOurs(context, formerRoots(record, config.containerd.certsD)));
  await attempt(async () => {
    await sweepStrays(ports, config);
    return [];
  });
  await attempt(async () => (await context.closeDirectories?.()) ?? []);
  if (failures.length === 0) await state.clear();
  const messages = [...failures, ...(trouble === undefined ? [] : [trouble])];
  if (messages.length > 0) return { ok: false, done, message: redactSecrets(messages.join("; ")) };
  return { ok: true, done, restartNeeded: needed && !context.mayRestart };
}

function receiversOf({ traces }: ApplyRecord, { http }: AgentConfig): ReadonlySet<string> {
  const named = [tracesReceiver(http.address), traces?.kind === "config" ? traces.endpoint : undefined];
  return new Set(named.filter((endpoint) => endpoint !== undefined));
}

/** One restart, held to the gate. What is wrong with containerd afterwards; undefined: it is well. */
async function restartOnce({ ports, config, gateTimeoutMs }: PassContext): Promise<string | undefined> {
  const { signal } = new AbortController();
  const restarted = await ports.containerd.restart(signal);
  const result = restarted.ok
    ? await passHealthGate(ports, { timeoutMs: gateTimeoutMs, canaries: [] }, signal)
    : restarted;
  if (result.ok) return undefined;
  return `${config.containerd.config} is back as it was before mirrorlet, but containerd is not well after its restart: ${result.message}; mirrorlet changes nothing more: mend containerd and restart it`;
}

/** Adopted files; one that somebody else has written over since is theirs. Before the removals, so that there is no gap. */
async function putAdoptedBack(
  { path, bytes, mode, owner }: Original,
  { ports, config }: PassContext,
): Promise<readonly string[]> {
  if (path === config.containerd.config || bytes === undefined) return [];
  const current = await ports.files.read(path);
  if (current !== undefined && !isOwned(current.bytes)) return [];
  await ports.files.write([{ path, bytes, mode, secret: true, ...(owner === undefined ? {} : { owner }) }]);
  return [`put ${path} back`];
}

async function removeOurs(
  { ports, state, config }: PassContext,
  former: readonly string[],
): Promise<readonly string[]> {
  const certsD = await ports.files.readTree(config.containerd.certsD);
  const certs = planCerts([], certsD, { adopt: false, kept: [], dropMoved: true });
  const elsewhere = await planFormerRemovals(former, certsD, ports.files);
  const steps = [...certs.removals, ...elsewhere.flatMap((removal) => removal.steps)].filter(isFileStep);
  const legacy = await ports.files.readTree(legacyDirectory(config));
  const paths = legacy.files.filter(({ bytes }) => isOwned(bytes)).map(({ path }) => path);
  if (paths.length > 0) steps.push({ kind: "remove-files", paths });
  for (const step of steps) await executeStep(step, { ports, state });
  return steps.map(describeStep);
}
