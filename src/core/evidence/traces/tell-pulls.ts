import { MAX_REQUESTS, type Pull, type PullNotice } from "../pull.ts";
import type { RegistryRequest } from "../registry-request.ts";
import { classifyPull, type PullOutcome } from "./classify-pull.ts";
import type { EarlyRequests } from "./early-requests.ts";
import type { MirrorIndex } from "./mirror-index.ts";
import type { SkippedHost } from "./raw-request.ts";
import type { PulledImage } from "./read-entry-span.ts";

/** A pull that is over, with all that was seen of it. */
export interface EndedPull {
  /** As spans have it. */
  readonly traceId: string;
  readonly image: PulledImage | undefined;
  readonly startMs: number;
  readonly endMs: number;
  readonly outcome: PullOutcome;
  readonly requests: readonly RegistryRequest[];
  readonly early: EarlyRequests | undefined;
  readonly skipped: readonly SkippedHost[];
  readonly isCri: boolean;
}

export type ToldPull =
  | { readonly kind: "pull"; readonly pull: Pull }
  | { readonly kind: "notice"; readonly notice: PullNotice };

/**
 * A pull whose requests are known is told with its path; so is one that failed, whoever served. One that went well
 * without a request having been seen is a notice: every pull asks at least once, so this containerd does not tell.
 * Where no image is named, each repository that was asked for is a pull.
 */
export function tellPulls(ended: EndedPull, mirrors: MirrorIndex): readonly ToldPull[] {
  const { image, outcome, requests, early } = ended;
  if (early !== undefined) return [{ kind: "pull", pull: buildPull(ended) }];
  if (requests.length > 0) {
    const each = image === undefined ? byRepository(requests) : [requests];
    return each.map((part) => ({ kind: "pull", pull: buildPull({ ...ended, requests: part }) }));
  }
  if (image === undefined) return [];
  if (outcome.ok === true) return [{ kind: "notice", notice: buildNotice(image, ended, mirrors) }];
  return [{ kind: "pull", pull: buildUnseenFailure(image, ended) }];
}

/** Token requests name no repository: they go with the image that was asked for before them. */
function byRepository(requests: readonly RegistryRequest[]): readonly (readonly RegistryRequest[])[] {
  const groups = new Map<string, RegistryRequest[]>();
  let key = "";
  for (const request of requests) {
    if (request.kind !== "token") key = `${request.registry}/${request.repository}`;
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push(request);
  }
  return [...groups.values()].filter((group) => group.some(({ kind }) => kind !== "token"));
}

function buildPull({ traceId, image, startMs, endMs, outcome, requests, early, isCri }: EndedPull): Pull {
  const all = [...(early?.first ?? []), ...requests];
  const [first] = all;
  const judged = [...(early?.kinds ?? []), ...requests];
  return {
    source: "trace",
    registry: image?.namespace ?? first?.registry ?? "",
    repository: image?.repository ?? all.find(({ repository }) => repository !== "")?.repository ?? "",
    ...(image === undefined ? {} : { reference: image.reference }),
    startedMs: startMs,
    endedMs: endMs,
    ...classifyPull(judged, outcome),
    ...(isCri ? {} : { isOutsideCri: true }),
    traceId: toHex(traceId),
    requests: all.slice(0, MAX_REQUESTS),
  };
}

function buildNotice(
  image: PulledImage,
  { startMs, endMs, skipped }: EndedPull,
  mirrors: MirrorIndex,
): PullNotice {
  const own = new Set(mirrors.mirrorsOf(image.namespace).map(({ host }) => host));
  const skippedMirrors = distinct(skipped.filter(({ host }) => own.has(host)));
  return {
    from: "trace",
    registry: image.namespace,
    repository: image.repository,
    reference: image.reference,
    startedMs: startMs,
    endedMs: endMs,
    ok: true,
    ...(skippedMirrors.length === 0 ? {} : { skipped: skippedMirrors }),
  };
}

/** Of a build that does not tell its requests, or a pull that failed before the first. */
function buildUnseenFailure(
  image: PulledImage,
  { traceId, startMs, endMs, outcome, skipped }: EndedPull,
): Pull {
  const isMissingImage =
    skipped.length > 0 &&
    skipped.every(({ reason }) => reason === "answered 404") &&
    /^\S+: not found$/.test(outcome.error);
  const told = distinct(skipped).map(({ host, reason }) => `${host} ${reason}`);
  const reason = isMissingImage || outcome.error === "" ? told.join("; ") : outcome.error;
  return {
    source: "trace",
    registry: image.namespace,
    repository: image.repository,
    reference: image.reference,
    startedMs: startMs,
    endedMs: endMs,
    path: "failed",
    reason: reason === "" ? "the pull failed" : reason,
    ...(isMissingImage ? { isMissingImage } : {}),
    traceId: toHex(traceId),
    requests: [],
  };
}

/** Ids of spans are bytes, a character each; in headers they are digits. */
function toHex(id: string): string {
  return [...id].map((byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

const MAX_SKIPPED = 8;

function distinct(skipped: readonly SkippedHost[]): readonly SkippedHost[] {
  const byText = new Map(skipped.map((each) => [`${each.host} ${each.reason}`, each]));
  return [...byText.values()].slice(0, MAX_SKIPPED);
}
