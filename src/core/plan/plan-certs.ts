import { isOwned, type RenderedFile } from "../file-tree.ts";
import type { ObservedFile, ObservedTree } from "../host-state.ts";
import { isMoved } from "../render/render-migrated.ts";
import type { RenderedRegistry } from "../render/render-registries.ts";
import { equalBytes } from "./equal-bytes.ts";
import { parentOf, planRemovals } from "./plan-removals.ts";
import type { Step } from "./step.ts";

export interface CertsPlan {
  /** Taking over, then writing. */
  readonly writes: readonly Step[];
  /** What is left to remove once the writes are in force. */
  readonly removals: readonly Step[];
  /** Files that stand where ours must go and are not ours. */
  readonly conflicts: readonly Conflict[];
  readonly changes: readonly FileChange[];
}

export interface Conflict {
  readonly namespace: string;
  readonly path: string;
  readonly reason: string;
}

/** An owned path that will change; undefined bytes: absent before, removed after. */
export interface FileChange {
  readonly path: string;
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array | undefined;
  readonly secret: boolean;
}

/**
 * Compares what should be in certs.d with what is there. Files without our marker are never written over or
 * removed unless `adopt` is set, in which case the original is kept first.
 */
export function planCerts(
  wanted: readonly RenderedRegistry[],
  observed: ObservedTree,
  options: {
    readonly adopt: boolean;
    /** Directories to leave exactly as they are: their registry is wanted but cannot be written now. */
    readonly kept: readonly string[];
    /** Mirrors that were moved here from config.toml are said there again: their files go too. */
    readonly dropMoved?: boolean;
  },
): CertsPlan {
  const present = new Map(observed.files.map((file) => [file.path, file]));
  const conflicts = wanted.flatMap((registry) => conflictsOf(registry, observed, present, options.adopt));
  const blocked = new Set(conflicts.map((conflict) => conflict.namespace));
  const free = wanted.filter((registry) => !blocked.has(registry.namespace));

  const directories = new Set(observed.directories);
  const created = free.filter((registry) => !directories.has(registry.directory));
  const updated = free.filter((registry) => directories.has(registry.directory));
  const pem = differing(
    updated.flatMap((registry) => registry.pemFiles),
    present,
  );
  const hosts = differing(
    updated.map((registry) => registry.hostsToml),
    present,
  );
  const adopted = [...pem, ...hosts].filter((file) => isForeign(present.get(file.path)));
  const removed = superfluousFiles(wanted, blocked, options.kept, observed).filter(
    (file) => options.dropMoved === true || !isMoved(file.bytes),
  );

  const written = [...created.flatMap(filesOf), ...pem, ...hosts];
  return {
    writes: [...keepStep(adopted), ...createStep(created), ...writeStep(pem), ...writeStep(hosts)],
    removals: planRemovals(removed, wanted, observed),
    conflicts,
    changes: [...written.map((file) => writing(file, present)), ...removed.map(removal)],
  };
}

function writing(file: RenderedFile, present: ReadonlyMap<string, ObservedFile>): FileChange {
  const { path, bytes: after, secret } = file;
  return { path, before: present.get(path)?.bytes, after, secret };
}

function removal(file: ObservedFile): FileChange {
  return { path: file.path, before: file.bytes, after: undefined, secret: (file.mode & 0o044) === 0 };
}

function conflictsOf(
  registry: RenderedRegistry,
  observed: ObservedTree,
  present: ReadonlyMap<string, ObservedFile>,
  adopt: boolean,
): readonly Conflict[] {
  const { namespace, directory, hostsToml } = registry;
  const obstacle = observed.others.find(({ path }) => path === directory || path === hostsToml.path);
  if (obstacle !== undefined) return [{ namespace, ...obstacle }];
  if (observed.linked?.includes(directory) === true)
    return [{ namespace, path: directory, reason: "is a symbolic link, not a directory of its own" }];
  if (present.has(directory)) return [{ namespace, path: directory, reason: "is a file, not a directory" }];
  if (adopt || !isForeign(present.get(hostsToml.path))) return [];
  return [{ namespace, path: hostsToml.path, reason: "was not written by mirrorlet" }];
}

function isForeign(file: ObservedFile | undefined): boolean {
  return file !== undefined && !isOwned(file.bytes);
}

function filesOf(registry: RenderedRegistry): readonly RenderedFile[] {
  return [...registry.pemFiles, registry.hostsToml];
}

function differing(
  files: readonly RenderedFile[],
  present: ReadonlyMap<string, ObservedFile>,
): readonly RenderedFile[] {
  return files.filter((file) => {
    const now = present.get(file.path);
    return now === undefined || now.mode !== file.mode || !equalBytes(now.bytes, file.bytes);
  });
}

/**
 * Owned files that nothing wants. Those of a blocked namespace stay: its registry is still wanted. What is reached
 * through somebody's link stands somewhere else.
 */
function superfluousFiles(
  wanted: readonly RenderedRegistry[],
  blocked: ReadonlySet<string>,
  kept: readonly string[],
  observed: ObservedTree,
): readonly ObservedFile[] {
  const keep = new Set(wanted.flatMap((registry) => filesOf(registry).map((file) => file.path)));
  const conflicting = wanted.filter((registry) => blocked.has(registry.namespace));
  const frozen = new Set([
    ...conflicting.map((registry) => registry.directory),
    ...kept,
    ...(observed.linked ?? []),
  ]);
  return observed.files.filter(
    (file) => isOwned(file.bytes) && !keep.has(file.path) && !frozen.has(parentOf(file.path)),
  );
}

function keepStep(files: readonly RenderedFile[]): readonly Step[] {
  const paths = files.map((file) => file.path);
  return paths.length === 0 ? [] : [{ kind: "keep-originals", paths }];
}

function createStep(registries: readonly RenderedRegistry[]): readonly Step[] {
  if (registries.length === 0) return [];
  const directories = registries.map((r) => ({ path: r.directory, files: filesOf(r) }));
  return [{ kind: "create-directories", directories }];
}

function writeStep(files: readonly RenderedFile[]): readonly Step[] {
  return files.length === 0 ? [] : [{ kind: "write-files", files }];
}
