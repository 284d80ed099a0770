import { parseImageReference } from "../../containerd/image-reference.ts";
import type { Span } from "../otlp/span.ts";
import type { PullOutcome } from "./classify-pull.ts";
import { cleanError } from "./clean-error.ts";

export const ENTRY_KEYS: readonly string[] = [
  "image.ref",
  "rpc.response.status_code",
  "rpc.grpc.status_code",
  "exception.message",
];

/**
 * pull: it is one pull, and its end is the pull's: `pkg.cri.server.PullImage` (1.7),
 * `runtime.v1.ImageService/PullImage` (2.x), `pull.Pull` below them or alone, a `Transfer` asked for by ctr · call:
 * containerd was asked to do something, as part of which it may pull: `…/RunPodSandbox` · part: of one of these.
 */
export type SpanRole = "pull" | "call" | "part";

const PULL = /(?:^|[./])(?:PullImage|Transfer)$|^pull\.Pull$/;
/** gRPC servers name their spans `package.Service/Method`; 1.x names its own `pkg.cri.server.Method`. */
const CALL = /^[\w.]+\/\w+$|^pkg\.cri\.\w+\.\w+$/;

export function roleOfSpan({ name, parentId }: Span): SpanRole {
  if (PULL.test(name)) return "pull";
  return parentId === "" || CALL.test(name) ? "call" : "part";
}

/** Whether kubelet, or who speaks CRI in its place, asked for what this pull or call does. */
export function isCri(name: string): boolean {
  return /^(?:runtime\.v1|pkg\.cri\.|pull\.)/.test(name);
}

/** A span that shows up in pulls only, so that its trace is worth following. */
export function isPartOfPull(name: string): boolean {
  return name.startsWith("pull.") || name.startsWith("pkg.unpack.") || PULL.test(name);
}

export interface PulledImage {
  /** As CRI normalises it. */
  readonly reference: string;
  readonly namespace: string;
  readonly repository: string;
}

/** Undefined where the span does not say, or nothing that is an image. */
export function readImage({ attributes }: Span): PulledImage | undefined {
  const written = attributes.get("image.ref");
  if (written === undefined) return undefined;
  const parsed = parseImageReference(String(written));
  if (!parsed.ok) return undefined;
  const { normalized, namespace, repository } = parsed.reference;
  return { reference: normalized, namespace, repository };
}

/**
 * Whether the call went well. The status alone does not tell: a gRPC server's span is no error when the image was
 * not found.
 */
export function readOutcome(span: Span): PullOutcome {
  const { attributes, events } = span;
  const code = attributes.get("rpc.response.status_code") ?? attributes.get("rpc.grpc.status_code");
  const isBadCode = code !== undefined && code !== "OK" && code !== 0;
  const exception = events.findLast(({ name }) => name === "exception");
  const ok = !span.failed && !isBadCode && exception === undefined;
  if (ok) return { ok, error: "" };
  const told = String(exception?.attributes.get("exception.message") ?? "") || span.message;
  return { ok, error: cleanError(told || `gRPC status ${code}`) };
}
