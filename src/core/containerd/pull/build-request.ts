import { redirectedTo } from "../../evidence/exchange.ts";
import { objectUrl } from "../hosts-toml/host-entry.ts";
import { isDigest } from "../image-reference.ts";
import { MAX_MANIFEST_BYTES } from "./judge-answer.ts";
import type { PullAnswer, PullReply, PullRequest, PullStage } from "./pull-request.ts";
import type { PullPlan } from "./pull-walk.ts";

/** What is asked, before it is known how. */
export interface Asked {
  readonly host: number;
  readonly stage: PullStage;
  readonly kind: "manifests" | "blobs";
  /** Tag or digest. */
  readonly object: string;
  readonly method: "HEAD" | "GET";
  readonly mediaType?: string;
  readonly isReached: boolean;
}

/** Config blobs are small; of a larger one the beginning shows that it is served. */
const MAX_CONFIG_BYTES = 1024 * 1024;

export function buildRequest(asked: Asked, plan: PullPlan): PullRequest {
  const { host: index, stage, kind, object, method, mediaType = "", isReached } = asked;
  const { hosts, reference } = plan;
  const host = hosts[index];
  const inTurn = stage === "resolve" ? resolversOf(plan) : [...hosts.keys()];
  return {
    host: index,
    stage,
    method,
    url: host === undefined ? "" : objectUrl(host.entry, reference, kind, object),
    isManifest: kind === "manifests",
    mediaType,
    isLastHost: inTurn.at(-1) === index,
    hash: isDigest(object) ? object.slice(0, object.indexOf(":")) : "sha256",
    maxBytes: kind === "manifests" ? MAX_MANIFEST_BYTES : MAX_CONFIG_BYTES,
    isReached,
  };
}

/** The hosts that are asked in the resolve stage, in order. */
export function resolversOf({ hosts }: PullPlan): readonly number[] {
  return [...hosts.keys()].filter((index) => hosts[index]?.resolves);
}

/** Whether every request would end like this one. Not where only what it redirects to is out of reach. */
export function isOutOfReach(reply: PullReply, { url }: PullRequest): boolean {
  if (reply.kind === "answer" || redirectedTo(reply.exchange, url) !== undefined) return false;
  return ["dns", "connect", "tls", "token"].includes(reply.failure.phase);
}

/** The agent's own listener answers this to everything, at once. */
export const WITNESS_REPLY: PullAnswer = {
  kind: "answer",
  method: "HEAD",
  status: 404,
  mediaType: "",
  digestHeader: "",
  isRefused: false,
  exchange: { hops: [], tokens: [], tries: 0 },
};
