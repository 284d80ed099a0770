import type { Digest } from "../bundle.ts";
import type { PlannedImage } from "./plan-push.ts";
import type { PushEvent } from "./push-event.ts";
import { listPairs } from "./repository-parts.ts";
import { createRate } from "./sending-rate.ts";

/** How far a push has come. Nothing in it ever goes backwards but the rate and the time left. */
export interface PushView {
  readonly images: {
    readonly total: number;
    readonly there: number;
    readonly pushed: number;
    readonly failed: number;
  };
  readonly bytes: {
    /** What all repositories together are to have. */
    readonly total: number;
    readonly done: number;
    /** Went over the wire, repeats included. */
    readonly sent: number;
    readonly mounted: number;
    /** Were at the registry before. */
    readonly there: number;
  };
  /** Of what goes over the wire; 0: nothing lately. */
  readonly bytesPerSecond: number;
  /** Undefined: it cannot be told. */
  readonly leftMs: number | undefined;
  readonly retries: number;
  /** While a bundle comes by, and nobody knows yet what is in it. */
  readonly reading: Reading | undefined;
  /** A bundle has come by, and most of it is at the registry: what is left is to put it where it belongs. */
  readonly hasRead: boolean;
  readonly active: readonly ActiveBlob[];
}

interface Reading {
  readonly bytes: number;
  readonly total: number | undefined;
}

export interface ActiveBlob {
  readonly repository: string;
  readonly digest: Digest;
  readonly size: number;
  readonly bytes: number;
}

/** Takes events as they come, each with its time in ms. */
export interface PushProgress {
  note(event: PushEvent, atMs: number): void;
  /** The bundles have been read: these are to be pushed. */
  plan(images: readonly PlannedImage[]): void;
  /** So much was there, of images of which no more is known. */
  noteThere(size: number): void;
  view(atMs: number): PushView;
}

/** No guess before. */
const GUESS_AFTER_MS = 2_000;

/** `planned`: undefined as long as nobody knows. */
export function createPushProgress(
  planned: readonly PlannedImage[] | undefined,
  startMs: number,
): PushProgress {
  let images = planned ?? [];
  let pairs = listPairs(images);
  let index = indexImages(images);
  let reading: Reading | undefined = planned === undefined ? { bytes: 0, total: undefined } : undefined;
  const counts = { there: 0, pushed: 0, failed: 0 };
  const bytes = { sent: 0, mounted: 0, there: 0 };
  const active = new Map<string, ActiveBlob & { current: number }>();
  const rate = createRate(startMs);
  let retries = 0;
  /** Something waits for another try, or has not come further with it than before. */
  let stalled: { readonly untilMs: number; readonly done: number } | undefined;
  let refusesMounts = false;
  /** Found, or brought, where nobody knew yet for which image. */
  const foundEarly = new Set<Digest>();
  const doneEarly = new Set<string>();

  const finish = (key: string): void => {
    const pair = pairs.find(key);
    if (pair !== undefined) pairs.raise(pair, pair.size);
  };
  const noteEnd = (event: Extract<PushEvent, { kind: "blob-end" }>): void => {
    const { repository, digest, size, end } = event;
    active.delete(`${repository}@${digest}`);
    if (end === undefined) return;
    // It could have been mounted from there.
    if (end === "uploaded") refusesMounts ||= pairs.hasOther(repository, digest);
    if (reading !== undefined) {
      doneEarly.add(`${repository}@${digest}`);
      if (end === "there") foundEarly.add(digest);
    }
    if (end !== "uploaded") bytes[end] += size;
    finish(`${repository}@${digest}`);
  };

  return {
    note(event, atMs) {
      if (event.kind === "retry") {
        retries++;
        stalled = {
          untilMs: Math.max(stalled?.untilMs ?? 0, atMs + event.delayMs),
          done: Math.max(stalled?.done ?? 0, pairs.sums().done),
        };
      }
      if (event.kind === "read" && reading !== undefined)
        reading = { bytes: Math.max(reading.bytes, event.bytes), total: event.total };
      if (event.kind === "blob-begin") {
        const { repository, digest, size } = event;
        active.set(`${repository}@${digest}`, { repository, digest, size, bytes: 0, current: 0 });
      }
      if (event.kind === "blob-sent") {
        const key = `${event.repository}@${event.digest}`;
        const blob = active.get(key);
        const pair = pairs.find(key);
        if (blob === undefined) return;
        bytes.sent += event.bytes < blob.current ? event.bytes : event.bytes - blob.current;
        // The next try begins at its start, and what was shown stays.
        active.set(key, { ...blob, current: event.bytes, bytes: Math.max(blob.bytes, event.bytes) });
        if (pair !== undefined) pairs.raise(pair, Math.min(pair.size, event.bytes));
        rate.note(atMs, bytes.sent);
      }
      if (event.kind === "blob-end") noteEnd(event);
      if (event.kind === "image-end" && event.result !== "left") {
        counts[event.result]++;
        if (event.result === "there")
          for (const blob of blobsOf(index, event.repository, event.digest)) {
            const pair = pairs.find(`${event.repository}@${blob}`);
            if (pair === undefined || pair.high === pair.size) continue;
            if (!foundEarly.has(blob)) bytes.there += pair.size - pair.high;
            pairs.raise(pair, pair.size);
          }
      }
    },
    noteThere(size) {
      bytes.there += size;
    },
    plan(next) {
      images = next;
      pairs = listPairs(next);
      index = indexImages(next);
      for (const key of doneEarly) finish(key);
      reading = undefined;
    },
    view(atMs) {
      const { total, done } = pairs.sums();
      const bytesPerSecond = rate.perSecond(atMs, bytes.sent);
      const left = pairs.left(refusesMounts);
      const isWaiting = stalled !== undefined && atMs < stalled.untilMs;
      const hasMoved = done > (stalled?.done ?? -1);
      const leftMs = (): number | undefined => {
        if (isWaiting || atMs - startMs < GUESS_AFTER_MS) return undefined;
        if (reading !== undefined) return readingLeft(reading, atMs - startMs);
        // What has all gone out may have to go once more: only its end tells.
        return bytesPerSecond > 0 && left > 0 && hasMoved ? (left / bytesPerSecond) * 1000 : undefined;
      };
      return {
        images: { total: images.length, ...counts },
        bytes: { total, done, ...bytes },
        bytesPerSecond,
        leftMs: leftMs(),
        retries,
        reading,
        hasRead: planned === undefined && reading === undefined,
        active: [...active.values()].map(({ current: _, ...blob }) => blob),
      };
    },
  };
}

/** What goes over the wire sets the pace of reading, or the decompressor does: either way it goes on as it went. */
function readingLeft({ bytes, total }: Reading, tookMs: number): number | undefined {
  if (total === undefined || bytes === 0) return undefined;
  return (Math.max(0, total - bytes) / bytes) * tookMs;
}

function indexImages(images: readonly PlannedImage[]): ReadonlyMap<string, readonly PlannedImage[]> {
  const index = new Map<string, PlannedImage[]>();
  for (const image of images) {
    const key = `${image.repository}@${image.tree.image.top.digest}`;
    const same = index.get(key);
    if (same === undefined) index.set(key, [image]);
    else same.push(image);
  }
  return index;
}

function blobsOf(
  index: ReadonlyMap<string, readonly PlannedImage[]>,
  repository: string,
  digest: Digest,
): readonly Digest[] {
  return (index.get(`${repository}@${digest}`) ?? []).flatMap(({ tree, referrers }) =>
    [tree, ...referrers].flatMap(({ blobs }) => blobs.map((blob) => blob.digest)),
  );
}
