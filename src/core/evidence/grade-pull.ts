import { cleanText } from "./clean-text.ts";
import type { WatchedRegistry } from "./evidence-report.ts";
import { describeRefusals } from "./list-fallbacks.ts";
import type { Pull } from "./pull.ts";
import { isServed, type RecentPull } from "./recent-pull.ts";
import { fallbackTarget } from "./registry-hosts.ts";
import type { Grade, Sight } from "./verdict-track.ts";

/** What a pull says about its registry; undefined: nothing. */
export interface Judgement {
  readonly grade: Grade;
  readonly sight: Sight;
}

/** `lost`: why mirrors are to blame for it that no host has the image; undefined where they are not. */
export function judgePull(
  pull: Pull,
  watched: WatchedRegistry,
  lost: string | undefined,
): Judgement | undefined {
  const grade = gradeOf(pull, lost !== undefined);
  if (grade === undefined) return undefined;
  const { source, endedMs, requests } = pull;
  const message = cleanText(`${describe(pull, grade, watched)}${lost === undefined ? "" : `; ${lost}`}`);
  const mirrorTrouble = requests.some(({ role, status }) => role === "mirror" && isTrouble(status));
  return { grade, sight: { atMs: endedMs, source, message, mirrorTrouble } };
}

function gradeOf({ path, isMissingImage, isOutsideCri }: Pull, isLost: boolean): Grade | undefined {
  if (isOutsideCri === true) return undefined;
  switch (path) {
    case "mirror":
      return "mirrored";
    case "mixed":
      return "mixed";
    case "upstream":
      return "bypassed";
    case "failed":
      return isMissingImage === true && !isLost ? undefined : "failing";
    case "none":
      return undefined;
    default:
      return path satisfies never;
  }
}

/** No answer, or one of a host that is not well; 404 and 403 come from one that is. */
function isTrouble(status: number | undefined): boolean {
  return status === undefined || status >= 500 || status === 408 || status === 429;
}

/** `team/app:1.2`, or as much of it as is known. */
export function imageName({
  reference,
  repository,
  registry,
}: Pick<RecentPull, "reference" | "repository" | "registry">): string {
  if (reference === undefined || reference === "") return repository === "" ? "an image" : repository;
  const name = reference.startsWith(`${registry}/`) ? reference.slice(registry.length + 1) : reference;
  return name.replace(/@([a-z0-9]+:[0-9a-f]{12})[0-9a-f]+$/, "@$1");
}

function describe(pull: Pull, grade: Grade, watched: WatchedRegistry): string {
  const image = imageName(pull);
  const upstream = pull.requests.find(({ role }) => role === "upstream")?.host;
  const elsewhere = upstream ?? fallbackTarget({ ...watched, upstream: "allow" }, pull.registry);
  const although = watched.upstream === "never" ? ", which is to be closed" : "";
  const why = pull.reason ?? describeRefusals(pull.requests);
  const because = why === undefined ? "" : `: ${why}`;
  switch (grade) {
    case "mirrored":
      return describeMirrored(pull, image);
    case "mixed":
      return `part of ${image} came from ${elsewhere}${although}${because}`;
    case "bypassed":
      return `${image} came from ${elsewhere}${although}${because}`;
    case "failing":
      return `${image} could not be pulled${because}`;
    default:
      return grade satisfies never;
  }
}

function describeMirrored({ source, requests }: Pull, image: string): string {
  const hosts = requests
    .filter((request) => request.role === "mirror" && isServed(request))
    .map(({ host }) => host);
  if (hosts.length > 0) return `${image} came from ${[...new Set(hosts)].slice(0, 3).join(" and ")}`;
  return source === "canary"
    ? `${image} could be pulled, and the upstream is closed`
    : `${image} came from mirrors: nothing was asked beyond them`;
}
