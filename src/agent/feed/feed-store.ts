import { isDigest } from "../../core/fleet/bundle.ts";
import type { Ports } from "../ports.ts";
import { decodeFeedMemory, EMPTY_MEMORY, encodeFeedMemory, type FeedMemory } from "./feed-memory.ts";

/** The feed's part of the state directory: `feed/memory.json`, and documents as they came, `feed/<digest>.signed.json`. */
export interface FeedStore {
  /** Empty where there is none, or where it is damaged. */
  load(): Promise<{ readonly memory: FeedMemory; readonly isDamaged: boolean }>;
  save(memory: FeedMemory): Promise<void>;
  /** The envelope of a payload with this digest. Whoever reads it checks it as if it had just come. */
  loadDocument(digest: string): Promise<Uint8Array | undefined>;
  saveDocument(digest: string, envelope: Uint8Array): Promise<void>;
  removeDocument(digest: string): Promise<void>;
  /** Digests of the documents that are here. */
  listDocuments(): Promise<readonly string[]>;
  /** Removes all documents but these. */
  prune(kept: ReadonlySet<string>): Promise<void>;
  clear(): Promise<void>;
}

const EXTENSION = ".signed.json";

export function createFeedStore(
  stateDir: string,
  { files, sha256 }: Pick<Ports, "files" | "sha256">,
): FeedStore {
  const directory = `${stateDir}/feed`;
  const memoryPath = `${directory}/memory.json`;
  const pathOf = (digest: string): string => `${directory}/${digest}${EXTENSION}`;
  const save = (path: string, bytes: Uint8Array): Promise<void> =>
    files.write([{ path, bytes, mode: 0o600, secret: true }]);
  const listDocuments = async (): Promise<readonly string[]> => {
    const { files: found } = await files.readTree(directory);
    return found
      .map(({ path }) => path.slice(directory.length + 1))
      .filter((name) => name.endsWith(EXTENSION))
      .map((name) => name.slice(0, -EXTENSION.length))
      .filter(isDigest);
  };
  return {
    async load() {
      const file = await files.read(memoryPath);
      if (file === undefined) return { memory: EMPTY_MEMORY, isDamaged: false };
      const memory = decodeFeedMemory(file.bytes, sha256);
      return { memory: memory ?? EMPTY_MEMORY, isDamaged: memory === undefined };
    },
    save: (memory) => save(memoryPath, encodeFeedMemory(memory, sha256)),
    // Names a file: nothing but a digest may.
    loadDocument: async (digest) =>
      isDigest(digest) ? (await files.read(pathOf(digest)))?.bytes : undefined,
    async saveDocument(digest, envelope) {
      if (!isDigest(digest)) throw new TypeError("not a digest");
      await save(pathOf(digest), envelope);
    },
    async removeDocument(digest) {
      if (isDigest(digest)) await files.remove([pathOf(digest)]);
    },
    listDocuments,
    async prune(kept) {
      const gone = (await listDocuments()).filter((digest) => !kept.has(digest));
      if (gone.length > 0) await files.remove(gone.map(pathOf));
    },
    async clear() {
      await files.remove([memoryPath, ...(await listDocuments()).map(pathOf)]);
    },
  };
}
