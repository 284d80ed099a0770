import type { DesiredState } from "../core/desired-state/desired-state.ts";
import { type ApplyRecord, decodeApplyRecord, EMPTY_RECORD, encodeApplyRecord } from "./apply-record.ts";
import { type Files, HostError, type ObservedFile, type Ports } from "./ports.ts";

/** The agent's own files below `state_dir` (normally /var/lib/mirrorlet), all 0600: they may hold credentials. */
export interface StateDirectory {
  /** An empty record when there is none; `corrupt` when there is one that cannot be trusted. */
  loadRecord(): Promise<{ readonly record: ApplyRecord; readonly corrupt: boolean }>;
  saveRecord(record: ApplyRecord): Promise<void>;
  loadLastKnownGood(): Promise<DesiredState | undefined>;
  saveLastKnownGood(state: DesiredState): Promise<void>;
  /** Keeps the file as it was before mirrorlet first wrote it. The first copy of a path stays for ever. */
  keepOriginal(path: string): Promise<void>;
  /** Those of the paths that are accepted; of others nothing is read. */
  originals(accepts?: (path: string) => boolean): Promise<readonly Original[]>;
  /** The bytes of config.toml that a rollback puts back. */
  saveRollback(bytes: Uint8Array | undefined): Promise<void>;
  loadRollback(): Promise<Uint8Array | undefined>;
  /** The witness' key and certificate, as the keeper encodes them. */
  loadWitness(): Promise<Uint8Array | undefined>;
  saveWitness(bytes: Uint8Array): Promise<void>;
  /** Forgets everything: `restore` has put the node back. */
  clear(): Promise<void>;
}

export interface Original {
  readonly path: string;
  /** Undefined: there was no such file before mirrorlet. */
  readonly bytes: Uint8Array | undefined;
  readonly mode: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

interface OriginalEntry {
  readonly path: string;
  readonly copy?: string;
  readonly mode: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export function createStateDirectory(
  directory: string,
  { files, sha256 }: Pick<Ports, "files" | "sha256">,
): StateDirectory {
  const recordPath = `${directory}/apply-record.json`;
  const goodPath = `${directory}/last-known-good.json`;
  const indexPath = `${directory}/original/index.json`;
  const witnessPath = `${directory}/witness.json`;
  const rollbackPath = `${directory}/rollback/config.toml`;
  /** Never as the index says: that may not be root's, where this is. */
  const copyOf = (path: string): string =>
    `${directory}/original/${sha256(new TextEncoder().encode(path)).slice(0, 16)}`;
  const encode = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  const save = (path: string, bytes: Uint8Array): Promise<void> =>
    files.write([{ path, bytes, mode: 0o600, secret: true }]);
  const loadJson = async <T>(path: string): Promise<T | undefined> => {
    const file = await files.read(path);
    if (file === undefined) return undefined;
    try {
      return JSON.parse(new TextDecoder().decode(file.bytes)) as T;
    } catch {
      return undefined;
    }
  };
  const loadIndex = async (): Promise<readonly OriginalEntry[]> =>
    entriesIn(await loadJson<unknown>(indexPath));

  return {
    async loadRecord() {
      const file = await files.read(recordPath);
      if (file === undefined) return { record: EMPTY_RECORD, corrupt: false };
      const record = decodeApplyRecord(file.bytes, sha256);
      return { record: record ?? EMPTY_RECORD, corrupt: record === undefined };
    },
    saveRecord: (record) => save(recordPath, encodeApplyRecord(record, sha256)),
    loadLastKnownGood: () => loadJson<DesiredState>(goodPath),
    saveLastKnownGood: (state) => save(goodPath, encode(state)),
    async keepOriginal(path) {
      const index = await loadIndex();
      if (index.some((entry) => entry.path === path)) return;
      const file = await files.read(path);
      const copy = copyOf(path);
      if (file !== undefined) await save(copy, file.bytes);
      const entry = file === undefined ? { path, mode: 0o644 } : ownedEntry(file, copy);
      await save(indexPath, encode([...index, entry]));
    },
    async originals(accepts = () => true) {
      const index = (await loadIndex()).filter(({ path }) => accepts(path));
      return Promise.all(
        index.map(async ({ copy, ...entry }) => ({
          ...entry,
          bytes: copy === undefined ? undefined : await readCopy(files, entry.path, copyOf(entry.path)),
        })),
      );
    },
    async saveRollback(bytes) {
      if (bytes === undefined) await files.remove([rollbackPath]);
      else await save(rollbackPath, bytes);
    },
    loadRollback: async () => (await files.read(rollbackPath))?.bytes,
    loadWitness: async () => (await files.read(witnessPath))?.bytes,
    saveWitness: (bytes) => save(witnessPath, bytes),
    async clear() {
      const copies = (await loadIndex()).map(({ path }) => copyOf(path));
      await files.remove([recordPath, goodPath, rollbackPath, witnessPath]);
      await files.remove([...copies, indexPath]);
    },
  };
}

function entriesIn(index: unknown): readonly OriginalEntry[] {
  if (!Array.isArray(index)) return [];
  return index.filter(
    (entry: Partial<OriginalEntry> | null) =>
      typeof entry?.path === "string" && typeof entry.mode === "number",
  );
}

function ownedEntry({ path, mode, uid, gid }: ObservedFile, copy: string): OriginalEntry {
  return { path, copy, mode, owner: { uid, gid } };
}

/** A lost copy must not read as "there was no file": restoring that would delete the node's own file. */
async function readCopy(files: Files, path: string, copy: string): Promise<Uint8Array> {
  const file = await files.read(copy);
  if (file !== undefined) return file.bytes;
  const message = `the kept original of ${path} is gone from ${copy}; ${path} is left as it is: put it back by hand`;
  throw new HostError("original-lost", copy, message, { retryable: false });
}
