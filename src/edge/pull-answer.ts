import { createHash } from "node:crypto";
import { bareMediaType } from "../core/containerd/pull/media-types.ts";
import type { PullAnswer } from "../core/containerd/pull/pull-request.ts";
import type { Exchange } from "../core/evidence/exchange.ts";
import type { RegistryReply } from "../registry/ask-registry.ts";

/** Of an HTTP answer what containerd decides by. `hash`: algorithm for the digest of the body. */
export function toPullAnswer(
  { answer, method, refused }: RegistryReply,
  hash: string,
  exchange: Exchange,
): PullAnswer {
  const { status, headers, body, bodyEnd } = answer;
  const length = headers["content-length"];
  const hasBody = method === "GET" && status >= 200 && status < 300;
  return {
    kind: "answer",
    method,
    status,
    mediaType: bareMediaType(headers["content-type"] ?? ""),
    digestHeader: String(headers["docker-content-digest"] ?? ""),
    isRefused: refused !== undefined,
    ...(length !== undefined && /^\d+$/.test(length) ? { contentLength: Number(length) } : {}),
    ...(hasBody ? { body: { bytes: body, digest: digestOf(body, hash), end: bodyEnd } } : {}),
    exchange,
  };
}

function digestOf(bytes: Uint8Array, hash: string): string {
  return `${hash}:${createHash(hash).update(bytes).digest("hex")}`;
}
