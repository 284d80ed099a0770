import type { Descriptor } from "../bundle.ts";
import { platformName } from "../check-image.ts";

/** A platform that is wanted of images. */
export interface WantedPlatform {
  readonly os: string;
  readonly architecture: string;
  /** Undefined: any. */
  readonly variant?: string;
}

/** Reads `OS/ARCH[/VARIANT]`; undefined: it is none. */
export function parsePlatform(text: string): WantedPlatform | undefined {
  const [, os, architecture, variant] = /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9.]+))?$/.exec(text) ?? [];
  if (os === undefined || architecture === undefined) return undefined;
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** Which manifests of an index are taken. */
export interface ChosenChildren {
  readonly taken: readonly Descriptor[];
  readonly leftOut: readonly Descriptor[];
}

/**
 * Those for a wanted platform, all when none is named. What is for no platform goes with what it is about: attestations
 * of buildkit name the manifest that they are for
 * (https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md). Indexes in an index are
 * taken, and chosen from in their turn.
 */
export function chooseChildren(
  children: readonly Descriptor[],
  wanted: readonly WantedPlatform[],
): ChosenChildren {
  if (wanted.length === 0) return { taken: children, leftOut: [] };
  const isWanted = (child: Descriptor): boolean => {
    const subject = child.annotations?.["vnd.docker.reference.digest"];
    if (subject !== undefined) {
      const about = children.find(({ digest }) => digest === subject);
      return about === undefined || about === child || isWanted(about);
    }
    if (platformName(child.platform) === undefined) return true;
    return wanted.some((one) => fits(child.platform ?? {}, one));
  };
  return {
    taken: children.filter(isWanted),
    leftOut: children.filter((child) => !isWanted(child)),
  };
}

function fits(platform: Readonly<Record<string, unknown>>, wanted: WantedPlatform): boolean {
  return (
    platform["os"] === wanted.os &&
    platform["architecture"] === wanted.architecture &&
    (wanted.variant === undefined || platform["variant"] === wanted.variant)
  );
}
