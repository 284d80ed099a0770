import { isUndecided, type RegistryFailure } from "../../evidence/registry-failure.ts";
import { isDigest } from "../image-reference.ts";
import type { ContainerdTraits } from "../version.ts";
import type { AnswerCode, Judgement } from "./judgement.ts";
import { manifestKind } from "./media-types.ts";
import type { Descriptor, PullAnswer, PullReply } from "./pull-request.ts";

/** containerd's limit for a manifest, as it is written there: 4 * 1048 * 1048. */
export const MAX_MANIFEST_BYTES = 4 * 1048 * 1048;

export type Resolved = Judgement & { readonly descriptor?: Descriptor };

/** The answer to the HEAD of the resolve stage. `digest`: the one the reference names. */
export function judgeHead(reply: PullReply, digest: string | undefined, traits: ContainerdTraits): Resolved {
  if (reply.kind === "failure") return judgeFailure(reply.failure, traits);
  const { status, contentLength, digestHeader, mediaType } = reply;
  if (status > 399) return { move: "next", code: codeOfStatus(reply.status, reply.isRefused) };
  if (status > 299) return { move: "stops", code: "redirect-to-nowhere" };
  if (digest === undefined && digestHeader !== "" && contentLength !== undefined && !isDigest(digestHeader))
    return { move: "stops", code: "bad-digest-header" };
  const known = digest ?? digestHeader;
  if (known === "" || contentLength === undefined) return { move: "asks", code: "no-digest" };
  return judgeDescriptor({ digest: known, size: contentLength, mediaType }, traits);
}

/** The answer to the GET that follows where HEAD told too little. From here on nothing leads to another host. */
export function judgeGet(reply: PullReply, digest: string | undefined, traits: ContainerdTraits): Resolved {
  if (reply.kind === "failure") {
    const { move, code } = judgeFailure(reply.failure, traits);
    return { move: move === "next" ? "stops" : move, code };
  }
  const { status, body, mediaType } = reply;
  if (status > 299 || body === undefined) return { move: "stops", code: "get-refused" };
  if (body.end === "cut") return { move: "stops", code: "cut-body" };
  const size = body.end === "limit" ? MAX_MANIFEST_BYTES + 1 : body.bytes.length;
  return judgeDescriptor({ digest: digest ?? body.digest, size, mediaType }, traits);
}

function judgeDescriptor(descriptor: Descriptor, traits: ContainerdTraits): Resolved {
  const { size, mediaType } = descriptor;
  if (size > MAX_MANIFEST_BYTES) return { move: "next", code: "manifest-too-large" };
  if (size === 0) return { move: "stops", code: "no-content" };
  switch (manifestKind(mediaType)) {
    case "manifest":
    case "index":
      return { move: "serves", code: "served", descriptor };
    case "schema-1":
      // What 1.x makes of one cannot be foreseen from here: it is converted while it is pulled.
      return traits.convertsSchema1 && mediaType !== "text/plain"
        ? { move: "unknown", code: "schema-1" }
        : { move: "stops", code: "schema-1" };
    case "other":
      return { move: "stops", code: /html/i.test(mediaType) ? "web-page" : "wrong-type" };
  }
}

/** The answer to the GET of a manifest or a blob by digest, in the fetch stages. */
export function judgeFetch(reply: PullReply, wanted: Descriptor, traits: ContainerdTraits): Judgement {
  if (reply.kind === "failure") return judgeFailure(reply.failure, traits);
  const { body } = reply;
  if (reply.status > 299 || body === undefined)
    return { move: "next", code: codeOfStatus(reply.status, reply.isRefused) };
  if (body.end === "cut") return { move: "stops", code: "cut-body" };
  // Not read to its end on purpose: so far nothing is wrong with it.
  if (body.end === "limit" && wanted.size > body.bytes.length) return { move: "serves", code: "served" };
  if (body.bytes.length < wanted.size) return { move: "stops", code: shortCode(reply) };
  return body.end === "whole" && body.digest === wanted.digest
    ? { move: "serves", code: "served" }
    : { move: "stops", code: shortCode(reply, "wrong-bytes") };
}

function shortCode({ mediaType }: PullAnswer, otherwise: AnswerCode = "short-body"): AnswerCode {
  return /html/i.test(mediaType) ? "web-page" : otherwise;
}

/** No answer at all: the next host is asked, unless containerd waits for this one. */
export function judgeFailure({ code }: RegistryFailure, traits: ContainerdTraits): Judgement {
  if (isUndecided(code)) return { move: "unknown", code };
  const waits = code === "no-answer" && traits.answerTimeoutMs === undefined;
  return { move: waits ? "hangs" : "next", code };
}

/** What a status of 400 or more says. */
export function codeOfStatus(status: number, isRefused = false): AnswerCode {
  if (status === 404) return "not-found";
  if (status === 401) return isRefused ? "credentials-refused" : "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 408 || status === 429) return "rate-limited";
  return status >= 500 ? "server-error" : "other-status";
}
