import { cleanText } from "./clean-text.ts";
import type { WatchedRegistry } from "./evidence-report.ts";
import { describeRefusals } from "./list-fallbacks.ts";
import type { Pull } from "./pull.ts";
import { isServed, type RecentPull } from "./recent-pull.ts";
import { fallbackTarget } from "./registry-hosts.ts";
import type { RegistryRequest } from "./registry-request.ts";
import type { Grade, Sight } from "./verdict-track.ts";

/** What a pull says about its registry; undefined: nothing. */
export interface Judgement {
  readonly grade: Grade;
  readonly sight: Sight;
}

/** Which way a pull that had nothing to fetch was answered; `unknown` where nobody saw. */
export type Answered = "mirror" | "beyond" | "unknown";

/**
 * Judges a pull. `answered` tells, of a pull that had nothing to fetch, who answered it: the witness knows, and
 * requests do where there are any.
 */
export function judgePull(pull: Pull, answered: Answered, watched: WatchedRegistry): Judgement | undefined {
  const grade = gradeOf(pull, answered === "unknown" ? answeredBy(pull.requests) : answered);
  if (grade === undefined) return undefined;
  const { source, endedMs, requests } = pull;
  const message = cleanText(describe(pull, grade, watched));
  const mirrorTrouble = requests.some(({ role, status }) => role === "mirror" && isTrouble(status));
  return { grade, sight: { atMs: endedMs, source, message, mirrorTrouble } };
}

function gradeOf({ path, isMissingImage }: Pull, answered: Answered): Grade | undefined {
  switch (path) {
    case "mirror":
      return "mirrored";
    case "mixed":
      return "mixed";
    case "upstream":
      return "bypassed";
    case "failed":
      return isMissingImage === true ? undefined : "failing";
    case "none":
      if (answered === "unknown") return undefined;
      return answered === "mirror" ? "mirrored" : "bypassed";
    default:
      return path satisfies never;
  }
}

/** A mirror that was never asked says nothing: it may be for digests only. */
function answeredBy(requests: readonly RegistryRequest[]): Answered {
  const served = requests.find((request) => request.kind !== "token" && isServed(request));
  if (served?.role === "mirror") return "mirror";
  const wasAsked = requests.some(({ role, kind }) => role === "mirror" && kind !== "token");
  return served?.role === "upstream" && wasAsked ? "beyond" : "unknown";
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
      return pull.path === "none"
        ? `${image} was asked of ${elsewhere}${although}${because}`
        : `${image} came from ${elsewhere}${although}${because}`;
    case "failing":
      return `${image} could not be pulled${because}`;
    default:
      return grade satisfies never;
  }
}

function describeMirrored({ path, requests }: Pull, image: string): string {
  const hosts = requests
    .filter((request) => request.role === "mirror" && request.kind !== "token" && isServed(request))
    .map(({ host }) => host);
  const names = [...new Set(hosts)].slice(0, 3).join(" and ");
  if (path === "none")
    return `${image} was there already, and ${names === "" ? "a mirror" : names} answered for it`;
  return names === ""
    ? `${image} came from mirrors: nothing was asked beyond them`
    : `${image} came from ${names}`;
}
