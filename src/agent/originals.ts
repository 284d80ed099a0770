import { HostError, type ObservedFile, type Ports } from "./ports.ts";
import { openSealedJson, sealJson } from "./sealed-json.ts";

export interface Original {
  readonly path: string;
  /** Undefined: there was no such file before mirrorlet. */
  readonly bytes: Uint8Array | undefined;
  readonly mode: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** What the index says of one original; its bytes are in a file of their own. */
export interface OriginalEntry {
  readonly path: string;
  /** Undefined: there was no such file. */
  readonly copy?: string;
  /** Of the copy's bytes. */
  readonly digest?: string;
  readonly mode: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export interface Originals {
  /** Keeps the file as it was before mirrorlet first wrote it. The first copy of a path stays for ever. */
  keep(path: string): Promise<void>;
  /** Those of the paths that are accepted; of others nothing is read. */
  all(accepts?: (path: string) => boolean): Promise<readonly Original[]>;
  /** The bytes kept of a path, whatever the index says of them. */
  copyOf(path: string): Promise<Uint8Array | undefined>;
  /** Why nothing can be kept or put back: the index is damaged. Undefined: all is well. */
  damage(): Promise<string | undefined>;
  clear(): Promise<void>;
}

/**
 * The files of others that were replaced, as they were, below `directory`. An index that is damaged is never written
 * over: what it said cannot be had anywhere else.
 */
export function createOriginals(
  directory: string,
  { files, sha256 }: Pick<Ports, "files" | "sha256">,
  save: (path: string, bytes: Uint8Array) => Promise<void>,
): Originals {
  const indexPath = `${directory}/index.json`;
  /** Never as the index says: that may not be root's, where this is. */
  const pathOfCopy = (path: string): string =>
    `${directory}/${sha256(new TextEncoder().encode(path)).slice(0, 16)}`;
  const find = async (): Promise<readonly OriginalEntry[] | undefined> => {
    const file = await files.read(indexPath);
    return file === undefined ? [] : decodeOriginalIndex(file.bytes, sha256);
  };
  const load = async (): Promise<readonly OriginalEntry[]> => {
    const index = await find();
    if (index !== undefined) return index;
    throw new HostError("original-index-damaged", indexPath, damageOf(indexPath), { retryable: false });
  };
  return {
    async keep(path) {
      const index = await load();
      if (index.some((entry) => entry.path === path)) return;
      const file = await files.read(path);
      const entry = file === undefined ? { path, mode: 0o644 } : await keepCopy(file, pathOfCopy(path));
      await save(indexPath, encodeOriginalIndex([...index, entry], sha256));
    },
    async all(accepts = () => true) {
      const index = (await load()).filter(({ path }) => accepts(path));
      return Promise.all(
        index.map(async ({ copy, digest, ...entry }) => ({
          ...entry,
          bytes: copy === undefined ? undefined : await readCopy(entry.path, digest),
        })),
      );
    },
    copyOf: async (path) => (await files.read(pathOfCopy(path)))?.bytes,
    damage: async () => ((await find()) === undefined ? damageOf(indexPath) : undefined),
    async clear() {
      // Damaged: whoever clears has put back what it could without it.
      const copies = ((await find()) ?? []).map(({ path }) => pathOfCopy(path));
      await files.remove([...copies, indexPath]);
    },
  };

  /** A copy without an entry is older than any edit of ours: the index was lost, or a kill came between the two. */
  async function keepCopy(
    { path, bytes, mode, uid, gid }: ObservedFile,
    copy: string,
  ): Promise<OriginalEntry> {
    const kept = (await files.read(copy))?.bytes;
    if (kept === undefined) await save(copy, bytes);
    return { path, copy, digest: sha256(kept ?? bytes), mode, owner: { uid, gid } };
  }

  /** A lost copy must not read as "there was no file": restoring that would delete the node's own file. */
  async function readCopy(path: string, digest: string | undefined): Promise<Uint8Array> {
    const copy = pathOfCopy(path);
    const file = await files.read(copy);
    if (file !== undefined && (digest === undefined || sha256(file.bytes) === digest)) return file.bytes;
    const [code, what] =
      file === undefined
        ? (["original-lost", `is gone from ${copy}`] as const)
        : (["original-damaged", `in ${copy} is damaged`] as const);
    const message = `the kept original of ${path} ${what}; ${path} is left as it is: put it back by hand`;
    throw new HostError(code, copy, message, { retryable: false });
  }
}

function damageOf(indexPath: string): string {
  return `${indexPath} is damaged: it is not known any more which files stood here before mirrorlet, and how. No file is changed that could not be put back, and pulls go on as they are. Put ${indexPath} back from a backup, or remove it: then the copies that are kept beside it count, and where there is none the files as they are now`;
}

const SCHEMA = "mirrorlet.original-index/v1";

export function encodeOriginalIndex(index: readonly OriginalEntry[], sha256: Ports["sha256"]): Uint8Array {
  return sealJson(SCHEMA, index, sha256);
}

/** Undefined: damaged. */
export function decodeOriginalIndex(
  bytes: Uint8Array,
  sha256: Ports["sha256"],
): readonly OriginalEntry[] | undefined {
  const index = openSealedJson(SCHEMA, bytes, sha256);
  // A checksum can be made by whoever owns the directory, and that may be the agent's user.
  return Array.isArray(index) && index.every(isEntry) ? index : undefined;
}

function isEntry(entry: Partial<OriginalEntry> | null): boolean {
  return typeof entry?.path === "string" && typeof entry.mode === "number";
}
