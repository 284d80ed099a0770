import { type PlannedDump, planWithout } from "../../core/bundle/dump/plan-images.ts";
import type { SizedImage } from "../../core/bundle/dump/size-images.ts";
import type { WrittenBundle } from "../write/bundle-output.ts";
import { type BlobPlaces, createBlobPlaces } from "./blob-places.ts";
import { LostBlobError } from "./lost-blob.ts";

/** What happens while a bundle is written, for whoever waits for it. `why` is what `LostBlobError` has as its cause. */
export type DumpNews =
  /** A repository lacks a blob, which is taken from another. */
  | { readonly kind: "elsewhere"; readonly why: Error; readonly from: string }
  /** These images cannot be had whole. */
  | { readonly kind: "lost"; readonly images: readonly string[]; readonly why: unknown }
  /** What was wrong came right when it was asked for again. */
  | { readonly kind: "right-then"; readonly why: unknown }
  | { readonly kind: "begun-anew"; readonly without: number };

/** An image that is not in the bundle, though it was asked for. */
export interface LostImage {
  readonly name: string;
  readonly why: unknown;
}

/** `written` undefined: no bundle was made, as too little is left, or nothing can be taken back, or too much is wrong. */
export interface WholeDump {
  readonly planned: PlannedDump;
  readonly written: WrittenBundle | undefined;
  readonly lost: readonly LostImage[];
  readonly hasTriedEnough: boolean;
}

export interface WholeDumpOptions {
  /** Rejects with LostBlobError where it is about a blob, and then nothing is left of the bundle. */
  write(planned: PlannedDump, places: BlobPlaces): Promise<WrittenBundle>;
  /** Asks for all blobs, and notes what is nowhere. */
  look(planned: PlannedDump, places: BlobPlaces): Promise<void>;
  /** False: what has gone out stays there. */
  readonly canBeginAnew: boolean;
  onNews(news: DumpNews): void;
}

/** Whoever has to begin more often gets too much that is wrong. */
const MOST_BEGINNINGS = 8;

/**
 * Writes a bundle of all images that can be had whole. The list of what is in it stands first, and what has gone out
 * cannot be taken back: where a blob is nowhere, all others are asked for, and the bundle is begun anew without the images
 * that lack one. Rejects with what is no matter of single blobs, an outage above all: that leaves no image out.
 */
export async function dumpWhole(
  first: PlannedDump,
  { write, look, canBeginAnew, onNews }: WholeDumpOptions,
): Promise<WholeDump> {
  const places = createBlobPlaces(first.images, (why, from) => onNews({ kind: "elsewhere", why, from }));
  const lost: LostImage[] = [];
  let planned = first;
  let hasLooked = false;
  for (let beginnings = 1; ; beginnings++) {
    const ended = await write(planned, places).catch((error: unknown) => {
      if (error instanceof LostBlobError) return error;
      throw error;
    });
    if (!(ended instanceof LostBlobError)) return { planned, written: ended, lost, hasTriedEnough: false };
    const isLost = places.lossOf(ended.digest) !== undefined;
    if (isLost && !hasLooked) await look(planned, places);
    hasLooked ||= isLost;
    if (ended.wasRightThen && !isLost) onNews({ kind: "right-then", why: ended.cause });
    const gone = planned.images.flatMap((image) => lostImage(image, places));
    for (const [why, images] of byReason(gone)) onNews({ kind: "lost", images, why });
    lost.push(...gone);
    const hasTriedEnough = beginnings === MOST_BEGINNINGS;
    if (!canBeginAnew || hasTriedEnough || gone.length === planned.images.length)
      return { planned, written: undefined, lost, hasTriedEnough };
    planned = planWithout(planned, new Set(gone.map(({ name }) => name)));
    onNews({ kind: "begun-anew", without: gone.length });
  }
}

function lostImage({ name, blobs }: SizedImage, places: BlobPlaces): readonly LostImage[] {
  for (const digest of blobs) {
    const why = places.lossOf(digest);
    if (why !== undefined) return [{ name, why }];
  }
  return [];
}

function byReason(images: readonly LostImage[]): ReadonlyMap<unknown, readonly string[]> {
  const found = new Map<unknown, string[]>();
  for (const { name, why } of images) found.set(why, [...(found.get(why) ?? []), name]);
  return found;
}
