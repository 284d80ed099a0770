import type { DesiredState } from "../core/desired-state/desired-state.ts";
import {
  type ApplyRecord,
  decodeApplyRecord,
  EMPTY_RECORD,
  encodeApplyRecord,
  type Tries,
} from "./apply-record.ts";
import { decodeReading, encodeReading } from "./count-reads.ts";
import { createFeedStore } from "./feed/feed-store.ts";
import { decodeLastKnownGood, encodeLastKnownGood } from "./last-known-good.ts";
import { createOriginals, type Original } from "./originals.ts";
import type { Ports } from "./ports.ts";
import { decodeFloors, encodeFloors, type SerialFloors, type StoredFloors } from "./serial-floors.ts";

/** The agent's own files below `state_dir` (normally /var/lib/mirrorlet), all 0600: they may hold credentials. */
export interface StateDirectory {
  /** An empty record when there is none; `corrupt` when there is one that cannot be trusted. */
  loadRecord(): Promise<{ readonly record: ApplyRecord; readonly corrupt: boolean }>;
  saveRecord(record: ApplyRecord): Promise<void>;
  /** Undefined: there is none, or it is damaged. */
  loadLastKnownGood(): Promise<DesiredState | undefined>;
  /** Undefined: there is none any more. */
  saveLastKnownGood(state: DesiredState | undefined): Promise<void>;
  /** The last good state before the change that is on trial. */
  loadFormerGood(): Promise<DesiredState | undefined>;
  saveFormerGood(state: DesiredState | undefined): Promise<void>;
  /**
   * Keeps the file as it was before mirrorlet first wrote it. The first copy of a path stays for ever. Throws a
   * HostError, as `originals` does, where their index is damaged.
   */
  keepOriginal(path: string): Promise<void>;
  /** Those of the paths that are accepted; of others nothing is read. */
  originals(accepts?: (path: string) => boolean): Promise<readonly Original[]>;
  /** The bytes kept of a path, whatever the index says. */
  copyOfOriginal(path: string): Promise<Uint8Array | undefined>;
  /** What is damaged about the originals and what to do; undefined: nothing. */
  originalsDamage(): Promise<string | undefined>;
  /** The bytes of config.toml that a rollback puts back. */
  saveRollback(bytes: Uint8Array | undefined): Promise<void>;
  loadRollback(): Promise<Uint8Array | undefined>;
  /** The sources that were being read when the agent ended, and how often; undefined: it never ended in it. */
  loadReading(): Promise<Tries | undefined>;
  saveReading(tries: Tries | undefined): Promise<void>;
  /** The witness' key and certificate, as the keeper encodes them. */
  loadWitness(): Promise<Uint8Array | undefined>;
  saveWitness(bytes: Uint8Array): Promise<void>;
  /** Which serials are closed out. Empty when there is no file. */
  loadFloors(): Promise<StoredFloors>;
  saveFloors(floors: SerialFloors): Promise<void>;
  /**
   * Forgets everything: `restore` has put the node back. But not which serials are closed out: what was refused before
   * would come in again that way.
   */
  clear(): Promise<void>;
}

export function createStateDirectory(
  directory: string,
  { files, sha256 }: Pick<Ports, "files" | "sha256">,
): StateDirectory {
  const recordPath = `${directory}/apply-record.json`;
  const goodPath = `${directory}/last-known-good.json`;
  const witnessPath = `${directory}/witness.json`;
  const floorsPath = `${directory}/serial-floors.json`;
  const readingPath = `${directory}/reading.json`;
  const formerPath = `${directory}/rollback/last-known-good.json`;
  const rollbackPath = `${directory}/rollback/config.toml`;
  const save = (path: string, bytes: Uint8Array): Promise<void> =>
    files.write([{ path, bytes, mode: 0o600, secret: true }]);
  const loadGood = async (path: string): Promise<DesiredState | undefined> => {
    const file = await files.read(path);
    return file === undefined ? undefined : decodeLastKnownGood(file.bytes, sha256);
  };
  const saveGood = (path: string, state: DesiredState | undefined): Promise<void> =>
    state === undefined ? files.remove([path]) : save(path, encodeLastKnownGood(state, sha256));
  const originals = createOriginals(`${directory}/original`, { files, sha256 }, save);

  return {
    async loadRecord() {
      const file = await files.read(recordPath);
      if (file === undefined) return { record: EMPTY_RECORD, corrupt: false };
      const record = decodeApplyRecord(file.bytes, sha256);
      return { record: record ?? EMPTY_RECORD, corrupt: record === undefined };
    },
    saveRecord: (record) => save(recordPath, encodeApplyRecord(record, sha256)),
    loadLastKnownGood: () => loadGood(goodPath),
    saveLastKnownGood: (state) => saveGood(goodPath, state),
    loadFormerGood: () => loadGood(formerPath),
    saveFormerGood: (state) => saveGood(formerPath, state),
    keepOriginal: originals.keep,
    originals: originals.all,
    copyOfOriginal: originals.copyOf,
    originalsDamage: originals.damage,
    async saveRollback(bytes) {
      if (bytes === undefined) await files.remove([rollbackPath]);
      else await save(rollbackPath, bytes);
    },
    loadRollback: async () => (await files.read(rollbackPath))?.bytes,
    async loadReading() {
      const file = await files.read(readingPath);
      return file === undefined ? undefined : decodeReading(file.bytes, sha256);
    },
    async saveReading(tries) {
      if (tries === undefined) await files.remove([readingPath]);
      else await save(readingPath, encodeReading(tries, sha256));
    },
    loadWitness: async () => (await files.read(witnessPath))?.bytes,
    saveWitness: (bytes) => save(witnessPath, bytes),
    async loadFloors() {
      const file = await files.read(floorsPath);
      return file === undefined ? {} : (decodeFloors(file.bytes, sha256) ?? "damaged");
    },
    saveFloors: (floors) => save(floorsPath, encodeFloors(floors, sha256)),
    async clear() {
      await files.remove([recordPath, goodPath, formerPath, readingPath, rollbackPath, witnessPath]);
      await originals.clear();
      await createFeedStore(directory, { files, sha256 }).clear();
    },
  };
}
