import type { ObservedFile, ObservedTree } from "../../core/host-state.ts";
import { type Files, HostError } from "../ports.ts";

/** Files that remember what was read through them, so that one can ask whether it would be the same again. */
export interface RecordedReads {
  readonly files: Files;
  /** Reads all of it again, which costs far less than working anything out of it. */
  isUnchanged(): Promise<boolean>;
}

export function recordReads(files: Files): RecordedReads {
  const seen = new Map<string, { readonly parts: Parts; readonly again: () => Promise<Parts> }>();
  const recorded = <T>(kind: string, read: (path: string) => Promise<T>, partsOf: (answer: T) => Parts) => {
    return async (path: string): Promise<T> => {
      const answer = await settle(read(path));
      const again = async () => partsOfAnswer(await settle(read(path)), partsOf);
      seen.set(`${kind} ${path}`, { parts: partsOfAnswer(answer, partsOf), again });
      if (!answer.ok) throw answer.error;
      return answer.value;
    };
  };
  return {
    files: {
      ...files,
      read: recorded("file", (path) => files.read(path), partsOfFile),
      readTree: recorded("tree", (path) => files.readTree(path), partsOfTree),
    },
    async isUnchanged() {
      for (const { parts, again } of seen.values()) if (!isSame(parts, await again())) return false;
      return true;
    },
  };
}

/** Values that compare by identity. */
type Parts = readonly unknown[];

type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: HostError };

async function settle<T>(reading: Promise<T>): Promise<Answer<T>> {
  try {
    return { ok: true, value: await reading };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return { ok: false, error };
  }
}

function partsOfAnswer<T>(answer: Answer<T>, partsOf: (value: T) => Parts): Parts {
  return answer.ok ? partsOf(answer.value) : ["trouble", answer.error.message];
}

function partsOfFile(file: ObservedFile | undefined): Parts {
  if (file === undefined) return [];
  const { realPath, bytes, mode, uid, gid, modifiedMs } = file;
  return [realPath, new TextDecoder("latin1").decode(bytes), mode, uid, gid, modifiedMs];
}

function partsOfTree({ root, exists, directories, linked = [], files, others }: ObservedTree): Parts {
  const odd = others.map(({ path, reason }) => `${path} ${reason}`);
  // Files of a tree that have not changed are the very same objects.
  return [root, exists, ...directories, "linked", ...linked, "others", ...odd, ...files];
}

function isSame(some: Parts, others: Parts): boolean {
  return some.length === others.length && some.every((one, index) => one === others[index]);
}
