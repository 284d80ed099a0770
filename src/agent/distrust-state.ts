import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import type { TracesPlace } from "../core/containerd/tracing/traces-place.ts";
import { tracesPlaceOf } from "../core/containerd/tracing/traces-place.ts";
import type { TextChange } from "../core/plan/step.ts";
import { isOurTracesFile, isTracesDropIn } from "../core/privilege/judge-traces-file.ts";
import type { ApplyRecord, PendingRestart, TracesRecord } from "./apply-record.ts";
import type { Original } from "./originals.ts";
import { isSignedRecord } from "./signed-record.ts";
import type { StateDirectory } from "./state-directory.ts";

/** What the root helper remembers of its own changes, in a place that is root's alone. */
export interface RootsMemory {
  /** Digests of contents that it has replaced, by path. */
  readonly replaced: Readonly<Record<string, readonly string[]>>;
  /** Each file as it was before its first change; null: there was none. */
  readonly first: Readonly<Record<string, { readonly digest: string | null; readonly mode?: number }>>;
  /** Receivers of traces that it has named. */
  readonly receivers: readonly string[];
}

interface Distrust {
  readonly config: AgentConfig;
  readonly memory: () => Promise<RootsMemory>;
  readonly sha256: (bytes: Uint8Array) => string;
  /** Whose the state is. */
  readonly owner: { readonly uid: number; readonly gid: number };
}

/**
 * The state directory of another user than root, as root reads it: whoever is that user may have written anything in
 * there. What is left of it can lead root to no other place than the user itself may write, and to no other content of
 * config.toml than root's own helper has seen there.
 */
export function distrustState(state: StateDirectory, distrust: Distrust): StateDirectory {
  const { memory, sha256 } = distrust;
  return {
    ...state,
    async loadRecord() {
      const { record, corrupt } = await state.loadRecord();
      return { record: await sanitize(record, distrust), corrupt };
    },
    // Names directories and files; a fresh one comes with the next pass.
    loadLastKnownGood: async () => undefined,
    loadFormerGood: async () => undefined,
    async originals() {
      const known = await memory();
      // A damaged index must not keep root from putting back what root's own helper remembers.
      const { certsD } = distrust.config.containerd;
      const isOurs = (at: string): boolean => isHostFile(at, certsD);
      const named = (await state.originalsDamage()) === undefined ? await state.originals(isOurs) : [];
      return [
        ...(await configOriginal(state, known, distrust)),
        ...named.flatMap((original) => withoutPowers(original, distrust)),
      ];
    },
    originalsDamage: async () => undefined,
    async loadRollback() {
      const bytes = await state.loadRollback();
      const { replaced } = await memory();
      const known = replaced[distrust.config.containerd.config] ?? [];
      return bytes !== undefined && known.includes(sha256(bytes)) ? bytes : undefined;
    },
  };
}

async function sanitize(record: ApplyRecord, distrust: Distrust): Promise<ApplyRecord> {
  const { memory, config } = distrust;
  const known = await memory();
  // A rollback is not begun on that user's word; root's own change is put on trial anew.
  const { traces, pendingRestart, signed, trial: _trial, ...rest } = record;
  return {
    ...rest,
    migrated: record.migrated.filter(({ namespace }) => /^(?:\*|[A-Za-z0-9.-]+(?::\d+)?)$/.test(namespace)),
    files: Object.fromEntries(
      Object.entries(record.files).filter(([path]) => isHostFile(path, config.containerd.certsD)),
    ),
    ...(isSignedRecord(signed) ? { signed } : {}),
    ...(traces !== undefined && mayTrace(traces, known, config) ? { traces } : {}),
    ...(pendingRestart !== undefined && mayResume(pendingRestart, known, config) ? { pendingRestart } : {}),
  };
}

function mayTrace(traces: TracesRecord, { receivers }: RootsMemory, config: AgentConfig): boolean {
  return traces.kind === "config" ? receivers.includes(traces.endpoint) : isTracesPlace(traces, config);
}

function mayResume(
  { config: file, traces }: PendingRestart,
  known: RootsMemory,
  config: AgentConfig,
): boolean {
  const path = config.containerd.config;
  const isKnown =
    file === undefined ||
    (file.path === path &&
      (file.beforeDigest === undefined
        ? known.first[path]?.digest === null
        : known.replaced[path]?.includes(file.beforeDigest) === true) &&
      file.beforeMode === undefined);
  return isKnown && (traces?.files ?? []).every((change) => isTracesChange(change, config));
}

function isTracesChange({ place, before, after }: TextChange, config: AgentConfig): boolean {
  if (place.kind === "config" || !isTracesPlace(place, config)) return false;
  const { kind } = place;
  return [before, after].every((text) => text === undefined || isOurTracesFile(kind, text));
}

function isTracesPlace({ path, kind }: TracesPlace, config: AgentConfig): boolean {
  const own = tracesPlaceOf(config.containerd);
  return (own?.path === path && own.kind === kind) || (kind === "drop-in" && isTracesDropIn(path));
}

/** By the helper's memory and the copy that has its digest; the index is not asked. */
async function configOriginal(
  state: StateDirectory,
  { first }: RootsMemory,
  { config, sha256 }: Distrust,
): Promise<readonly Original[]> {
  const { config: path } = config.containerd;
  const known = first[path];
  if (known === undefined) return [];
  const mode = known.mode ?? 0o644;
  if (known.digest === null) return [{ path, bytes: undefined, mode }];
  const bytes = await state.copyOfOriginal(path);
  return bytes !== undefined && sha256(bytes) === known.digest ? [{ path, bytes, mode }] : [];
}

/** In certs.d the user may write itself: in its name, and without set-id bits. */
function withoutPowers({ path, bytes, mode }: Original, { config, owner }: Distrust): readonly Original[] {
  return isHostFile(path, config.containerd.certsD) ? [{ path, bytes, mode: mode & 0o644, owner }] : [];
}

function isHostFile(path: string, certsD: string): boolean {
  const parts = path.startsWith(`${certsD}/`) ? path.slice(certsD.length + 1).split("/") : [];
  return parts.length === 2 && parts.every((part) => !["", ".", ".."].includes(part));
}
