import type { ResolvedDesiredState } from "../core/desired-state/resolve-desired-state.ts";
import type { SourceFile } from "../core/desired-state/source-file.ts";
import { type LoadContext, loadDesiredState } from "./load-desired-state.ts";
import type { Ports } from "./ports.ts";

export interface LoadedDesiredState extends ResolvedDesiredState {
  /** Of `state`, what named files hold included. */
  readonly digest?: string;
}

export type LoadDesiredState = (
  sources: readonly SourceFile[],
  context: LoadContext,
) => Promise<LoadedDesiredState>;

/** Certificates run out by themselves: what is understood of them is not older than this. */
const MAX_AGE_MS = 3_600_000;

/**
 * Understands sources, and gives back what it understood the time before while all it is made of is the same: the
 * bytes of the sources, and what there is to read where they name files. That is read each time.
 */
export function createLoadMemory(sha256: Ports["sha256"]): LoadDesiredState {
  let known: Known | undefined;
  return async (sources, context) => {
    const basis = basisOf(sources, context, sha256);
    if (known?.basis === basis) {
      const again = noteReads(context, sha256);
      for (const { verb, path } of known.reads) await again[verb]?.(path).catch(() => undefined);
      if (JSON.stringify(again.reads) === JSON.stringify(known.reads)) return known.loaded;
    }
    const { read, readTree, exposureOf, reads } = noteReads(context, sha256);
    const resolved = await loadDesiredState(sources, {
      ...context,
      files: { read, readTree },
      ...(exposureOf && { exposureOf }),
    });
    const { state } = resolved;
    const digest = state && sha256(new TextEncoder().encode(JSON.stringify(state)));
    const loaded = { ...resolved, ...(digest !== undefined && { digest }) };
    known = { basis, reads, loaded };
    return loaded;
  };
}

interface Known {
  /** Everything but the files that are read. */
  readonly basis: string;
  readonly reads: readonly NotedRead[];
  readonly loaded: LoadedDesiredState;
}

interface NotedRead {
  readonly verb: "read" | "readTree" | "exposureOf";
  readonly path: string;
  /** Digests of what was there, who else gets at it, or why it could not be read. */
  readonly found: readonly string[];
}

function basisOf(
  sources: readonly SourceFile[],
  { clock, containerdVersion, secretsDir, pullSecret }: LoadContext,
  sha256: Ports["sha256"],
): string {
  return JSON.stringify([
    Math.floor(clock.now() / MAX_AGE_MS),
    containerdVersion?.text ?? null,
    secretsDir ?? null,
    pullSecret ?? null,
    sources.map(({ name, bytes }) => [name, sha256(bytes)]),
  ]);
}

function noteReads({ files: { read, readTree }, exposureOf }: LoadContext, sha256: Ports["sha256"]) {
  const reads: NotedRead[] = [];
  const note = async <T>(
    verb: NotedRead["verb"],
    path: string,
    result: Promise<T>,
    describe: (value: T) => readonly string[],
  ): Promise<T> => {
    try {
      const value = await result;
      reads.push({ verb, path, found: describe(value) });
      return value;
    } catch (error) {
      reads.push({ verb, path, found: ["unreadable", error instanceof Error ? error.message : ""] });
      throw error;
    }
  };
  return {
    reads,
    read: (path: string) =>
      note("read", path, read(path), (file) => (file === undefined ? [] : [sha256(file.bytes)])),
    readTree: (root: string) =>
      note("readTree", root, readTree(root), (tree) =>
        tree.files.flatMap(({ path, bytes }) => [path, sha256(bytes)]),
      ),
    exposureOf:
      exposureOf &&
      ((path: string) =>
        note("exposureOf", path, exposureOf(path), ({ toChange, toRead }) => [toChange ?? "", `${toRead}`])),
  };
}
