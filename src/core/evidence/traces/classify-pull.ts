import type { PullPath } from "../pull.ts";
import type { RegistryRequest } from "../registry-request.ts";
import { describeUnserved } from "./describe-unserved.ts";
import { isServed } from "./is-served.ts";

/** How a pull ended; `ok` is undefined where only its requests can tell. */
export interface PullOutcome {
  readonly ok: boolean | undefined;
  /** containerd's own words, cleaned; "" for none. */
  readonly error: string;
}

export interface Classified {
  readonly path: PullPath;
  readonly reason?: string;
  readonly isMissingImage?: boolean;
}

/**
 * The rule: content is what a GET brought. All of it from mirrors is `mirror`, all of it from the upstream is
 * `upstream`, from both is `mixed`; so is content of a mirror under a tag that the upstream resolved, for without
 * the upstream there had been no pull. Where nothing had to be fetched, who answered the HEAD served the pull:
 * containerd asks that one question even when every layer is there. What a host redirected to is that host's.
 * `none` is a pull that came to an end with no answer from anybody.
 */
export function classifyPull(requests: readonly RegistryRequest[], outcome: PullOutcome): Classified {
  const ok = outcome.ok ?? isEverythingServed(requests);
  if (!ok) return classifyFailure(requests, outcome.error);
  const path = pathOf(requests);
  const reason = path === "mirror" || path === "none" ? undefined : reasonOf(requests);
  return { path, ...(reason === undefined ? {} : { reason }) };
}

function pathOf(requests: readonly RegistryRequest[]): PullPath {
  const served = requests.filter(isServed);
  const by = (role: RegistryRequest["role"], method?: string) =>
    served.some((request) => request.role === role && (method ?? request.method) === request.method);
  // The pull went well, so the host after the witness served what the witness was asked for; that span may be lost.
  const isPassedOver = by("upstream") || requests.some(({ role }) => role === "witness");
  if (by("mirror", "GET")) return isPassedOver ? "mixed" : "mirror";
  if (by("upstream", "GET")) return "upstream";
  if (isPassedOver) return by("mirror") ? "mixed" : "upstream";
  return by("mirror") ? "mirror" : "none";
}

function reasonOf(requests: readonly RegistryRequest[]): string {
  const mirrors = requests.filter(({ role }) => role === "mirror");
  if (mirrors.length === 0) return "no mirror was asked";
  const unserved = describeUnserved(mirrors);
  return unserved === "" ? "the tag was resolved by the upstream" : unserved;
}

function classifyFailure(requests: readonly RegistryRequest[], error: string): Classified {
  // What the witness answers says nothing of the image: it has none, and some releases it turns away without a word.
  const unserved = unservedObjects(requests).filter(({ role }) => role !== "witness");
  const told = unserved.length > 0 ? describeUnserved(unserved) : "";
  const reason = told !== "" ? told : error !== "" ? error : "the pull failed";
  const isMissingImage = unserved.length > 0 && !requests.some(isServed) && unserved.every(isLastWord404);
  return { path: "failed", reason, ...(isMissingImage ? { isMissingImage } : {}) };
}

/** Requests for what nobody served in the end. */
function unservedObjects(requests: readonly RegistryRequest[]): readonly RegistryRequest[] {
  const served = new Set(requests.filter(isServed).map(keyOf));
  return requests.filter((request) => request.kind !== "token" && !served.has(keyOf(request)));
}

function isEverythingServed(requests: readonly RegistryRequest[]): boolean {
  return unservedObjects(requests).length === 0;
}

function keyOf({ kind, object }: RegistryRequest): string {
  return `${kind}/${object}`;
}

/** The last answer of its host for that object is 404: a challenge, a retry and a redirect lead to other answers. */
function isLastWord404(request: RegistryRequest, at: number, all: readonly RegistryRequest[]): boolean {
  if (request.status === 404 || request.redirectedTo !== undefined) return true;
  return all
    .slice(at + 1)
    .some((later) => later.host === request.host && keyOf(later) === keyOf(request) && later.status === 404);
}
