import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { HostEntry } from "../../../../../src/core/containerd/hosts-toml/host-entry.ts";
import { parseImageReference } from "../../../../../src/core/containerd/image-reference.ts";
import { bareMediaType } from "../../../../../src/core/containerd/pull/media-types.ts";
import type { PullReply, PullRequest } from "../../../../../src/core/containerd/pull/pull-request.ts";
import type { PullWalk } from "../../../../../src/core/containerd/pull/pull-walk.ts";
import { walkPull } from "../../../../../src/core/containerd/pull/walk-pull.ts";
import { placeHost, type ResolvedHost } from "../../../../../src/core/containerd/resolved-host.ts";
import { parseContainerdVersion, traitsOf } from "../../../../../src/core/containerd/version.ts";
import { describeFailure } from "../../../../../src/core/evidence/describe-failure.ts";
import type { FailureCode, FailurePhase } from "../../../../../src/core/evidence/registry-failure.ts";
import { buildImage, type LabImage } from "../../../../support/image.ts";

/** What a host of a play does with a request; undefined: it serves the image properly. */
export type Part = (request: PullRequest) => Answer | Failing | undefined;

export interface Answer {
  readonly status?: number;
  /** null: left out. */
  readonly digest?: string | null;
  readonly length?: number | null;
  readonly type?: string;
  readonly body?: string;
  readonly end?: "limit" | "cut";
  readonly refused?: true;
}
export type Failing = readonly [FailurePhase, FailureCode];

export interface Play {
  /** Name of each host, in order; "gcr.io" is the upstream. */
  readonly hosts: Readonly<Record<string, Part>>;
  readonly version?: string;
  readonly reference?: string;
  readonly entries?: Readonly<Record<string, Partial<HostEntry>>>;
  readonly image?: LabImage;
}

export const image = buildImage();
export const serves: Part = () => undefined;
export const always =
  (answer: Answer | Failing): Part =>
  () =>
    answer;
/** Only for one method at manifests, or for blobs. */
export const on =
  (what: "HEAD" | "GET" | "blobs", answer: Answer | Failing): Part =>
  ({ method, isManifest }) =>
    (what === "blobs" ? !isManifest : isManifest && method === what) ? answer : undefined;

export interface Played {
  readonly walk: PullWalk;
  readonly hosts: readonly ResolvedHost[];
  /** `HEAD a manifests/3.9 → next not-found`, hosts that were not come to in brackets. */
  readonly lines: readonly string[];
  readonly outcome: string;
}

/** Plays a pull of `gcr.io/team/app:1` against hosts in memory. */
export function play(script: Play): Played {
  const { hosts, version = "2.1.9", reference = "gcr.io/team/app:1", entries = {} } = script;
  const parsed = parseImageReference(reference);
  const containerd = parseContainerdVersion(version);
  assert.ok(parsed.ok && containerd);
  const names = Object.keys(hosts);
  const traits = traitsOf(containerd);
  const placed = names.map((name) => placeHost({ ...entryOf(name), ...entries[name] }, parsed.reference));
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  const steps = walkPull({ reference: parsed.reference, hosts: placed, traits, architecture });
  let step = steps.next();
  for (let count = 0; step.done !== true; count++) {
    assert.ok(count < 50, "a walk ends");
    const part = hosts[names[step.value.host] ?? ""];
    step = steps.next(replyOf(step.value, part?.(step.value), script.image ?? image));
  }
  const walk = step.value;
  const lines = walk.visits.map(({ request, judgement }) => {
    const [, object = ""] = /((?:manifests|blobs)\/[^?]+)/.exec(request.url) ?? [];
    const short = object.replace(/sha256:[a-f0-9]+/, (digest) => nameOf(digest, script.image ?? image));
    const line = `${request.method} ${names[request.host]} ${short} → ${judgement.move} ${judgement.code}`;
    return request.isReached ? line : `(${line})`;
  });
  return { walk, hosts: placed, lines, outcome: describe(walk, names) };
}

function describe({ outcome }: PullWalk, names: readonly string[]): string {
  switch (outcome.kind) {
    case "served":
      return Object.entries(outcome.by)
        .map(([stage, index]) => `${stage} ${names[index]}`)
        .join(", ");
    case "failed":
      return `failed at ${outcome.stage}`;
    default:
      return `${outcome.kind} at ${names[outcome.at.request.host]}: ${outcome.at.judgement.code}`;
  }
}

function nameOf(digest: string, { manifests, blobs, ...top }: LabImage): string {
  if (digest === top.digest) return "TOP";
  const manifest = manifests.findIndex((each) => each.digest === digest);
  if (manifest !== -1) return `MANIFEST-${manifest}`;
  const blob = blobs.findIndex((each) => each.digest === digest);
  return blob === 0 ? "CONFIG" : blob === -1 ? "OTHER" : `BLOB-${blob}`;
}

function entryOf(name: string): HostEntry {
  return {
    written: `https://${name}`,
    scheme: "https",
    host: name,
    path: "/v2",
    capabilities: ["pull", "resolve"],
    httpsFirst: false,
    isRoot: false,
  };
}

const exchange = { hops: [], tokens: [], tries: 1 };

function replyOf(request: PullRequest, told: Answer | Failing | undefined, served: LabImage): PullReply {
  if (isFailing(told)) {
    const [phase, code] = told;
    return { kind: "failure", failure: describeFailure({ phase, code, host: "h" }), exchange };
  }
  const object = request.url.replace(/\?.*/, "").replace(/.*\//, "");
  const found =
    request.stage === "resolve" && !object.startsWith("sha256:")
      ? served.manifests.at(-1)
      : [...served.manifests, ...(request.isManifest ? [] : served.blobs)].find(
          ({ digest }) => digest === object,
        );
  const { status = found === undefined ? 404 : 200, digest, length, type, body, end, refused } = told ?? {};
  const bytes = body === undefined ? (found?.bytes ?? new Uint8Array()) : new TextEncoder().encode(body);
  const contentLength = length === undefined ? bytes.length : length;
  const digestHeader = digest === undefined ? (found?.digest ?? "") : (digest ?? "");
  const hasBody = request.method === "GET" && status < 300;
  return {
    kind: "answer",
    method: request.method,
    status,
    mediaType: bareMediaType(
      type ?? (request.isManifest ? found?.mediaType : "application/octet-stream") ?? "application/json",
    ),
    digestHeader,
    isRefused: refused === true,
    ...(contentLength === null ? {} : { contentLength }),
    ...(hasBody ? { body: { bytes, digest: `sha256:${sha256(bytes)}`, end: end ?? "whole" } } : {}),
    exchange,
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function isFailing(told: Answer | Failing | undefined): told is Failing {
  return Array.isArray(told);
}
