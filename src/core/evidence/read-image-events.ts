import { parseImageReference } from "../containerd/image-reference.ts";

/** An image record of containerd's k8s.io namespace came or was written again. */
export interface ImageEvent {
  readonly atMs: number;
  /** `gcr.io/a/b:1`, `gcr.io/a/b@sha256:…`, or the image's ID, `sha256:…`. */
  readonly name: string;
  readonly change: "create" | "update";
  /** Labelled as CRI's own. */
  readonly managed: boolean;
}

/** Finds the pulls in the events of CRI's image records. */
export interface ImageEventReader {
  /** The reference whose successful CRI pull this event tells; undefined when it tells none. */
  read(event: ImageEvent): string | undefined;
  /**
   * What a reference that `read` returned names now. CRI's digest record of it belongs to the same pull. To be called
   * before the next event is read; undefined when it could not be found out.
   */
  resolved(reference: string, digest: string | undefined, atMs: number): void;
}

/** The events of one pull come within milliseconds; a busy disk makes them seconds. */
const TOGETHER_MS = 10_000;
const MAX_REMEMBERED = 1024;

/**
 * A pull by tag writes the records `repo:tag`, ID and `repo@digest` in this order, one by digest `repo@digest` and ID.
 * The first is always written, the others only where they are new; releases that rewrite image records write the
 * first twice, and all others always. Records that others make (`ctr pull`, `ctr image import`) lack CRI's label until
 * CRI adds it with an event of its own.
 */
export function createImageEventReader(traits: { readonly rewritesImageRecords: boolean }): ImageEventReader {
  const foreign = createMarks();
  const halves = createMarks();
  const digestRecords = createMarks();

  const tells = ({ name, change, managed, atMs }: ImageEvent, repository: string): boolean => {
    if (!managed) {
      foreign.add(name, atMs);
      return false;
    }
    if (foreign.take(name, atMs)) return false;
    const isDigest = name.includes("@");
    const mayBelong = isDigest && (change === "create" || traits.rewritesImageRecords);
    if (mayBelong && (digestRecords.take(name, atMs) || digestRecords.take(repository, atMs))) return false;
    if (!traits.rewritesImageRecords || halves.take(name, atMs)) return true;
    halves.add(name, atMs);
    return false;
  };
  return {
    read(event) {
      const repository = repositoryOf(event.name);
      return repository !== undefined && tells(event, repository) ? event.name : undefined;
    },
    resolved(reference, digest, atMs) {
      const repository = repositoryOf(reference);
      if (repository === undefined || reference.includes("@")) return;
      digestRecords.add(digest === undefined ? repository : `${repository}@${digest}`, atMs);
    },
  };
}

/** `gcr.io/a/b`; undefined for IDs and for names that CRI does not give. */
function repositoryOf(name: string): string | undefined {
  if (!name.includes("/")) return undefined;
  const parsed = parseImageReference(name);
  if (!parsed.ok || parsed.reference.normalized !== name) return undefined;
  return `${parsed.reference.namespace}/${parsed.reference.repository}`;
}

interface Marks {
  add(key: string, atMs: number): void;
  /** Takes one mark away that is not too old; false when there is none. */
  take(key: string, atMs: number): boolean;
}

function createMarks(): Marks {
  const times = new Map<string, readonly number[]>();
  const fresh = (key: string, atMs: number): readonly number[] =>
    (times.get(key) ?? []).filter((time) => atMs - time < TOGETHER_MS);
  const put = (key: string, kept: readonly number[]): void => {
    times.delete(key);
    if (kept.length > 0) times.set(key, kept.slice(-MAX_REMEMBERED));
    const [oldest] = times.keys();
    if (times.size > MAX_REMEMBERED && oldest !== undefined) times.delete(oldest);
  };
  return {
    add: (key, atMs) => put(key, [...fresh(key, atMs), atMs]),
    take(key, atMs) {
      const [first, ...rest] = fresh(key, atMs);
      put(key, rest);
      return first !== undefined;
    },
  };
}
