import type { AccessSources } from "../agent/evidence/probe-ports.ts";
import { type ManifestParts, readManifestParts } from "../core/bundle/push/manifest-parts.ts";
import { objectUrl } from "../core/containerd/hosts-toml/host-entry.ts";
import type { ImageReference } from "../core/containerd/image-reference.ts";
import {
  codeOfStatus,
  judgeFetch,
  judgeGet,
  MAX_MANIFEST_BYTES,
} from "../core/containerd/pull/judge-answer.ts";
import type { Judgement } from "../core/containerd/pull/judgement.ts";
import type { Descriptor, PullAnswer, PullRequest } from "../core/containerd/pull/pull-request.ts";
import { fetchHeaders, resolveHeaders } from "../core/containerd/pull/request-headers.ts";
import type { ResolvedHost } from "../core/containerd/resolved-host.ts";
import type { ContainerdTraits } from "../core/containerd/version.ts";
import { describeAnswer } from "../core/evidence/describe-answer.ts";
import { askRegistry } from "../registry/ask-registry.ts";
import { createExchangeLog } from "../registry/exchange-log.ts";
import type { HttpClient } from "../registry/http-client.ts";
import { openAccess, requestUrl } from "../registry/open-access.ts";
import { toPullAnswer } from "./pull-answer.ts";

/** One image at one of its mirrors, with what containerd would reach that with. */
export interface MirrorTarget {
  readonly reference: ImageReference;
  readonly host: ResolvedHost;
  readonly access: AccessSources;
  readonly traits: ContainerdTraits;
}

/** Asks a mirror with containerd's own requests. Rejects with RegistryError and UnclearError. */
export interface MirrorReader {
  /** Undefined: it is not there. */
  manifest(
    object: string,
    wanted?: Descriptor,
  ): Promise<{ digest: string; parts: ManifestParts } | undefined>;
  hasBlob(wanted: Descriptor): Promise<boolean>;
  urlOf(kind: "manifests" | "blobs", object: string): string;
}

/** An answer that says neither that it is there nor that it is not. */
export class UnclearError extends Error {}

const LIMITS = { dialMs: 10_000, handshakeMs: 10_000, responseMs: 20_000 };

export function createMirrorReader(
  client: HttpClient,
  target: MirrorTarget,
  signal: AbortSignal,
): MirrorReader {
  const { reference, host, access, traits } = target;
  const { entry } = host;
  const scopes = [`repository:${reference.repository}:pull`];
  const registry = openAccess({ client, entry, scopes, ...access, traits, limits: LIMITS, signal });
  const sources = { entry, global: access.config.headers };
  const urlOf: MirrorReader["urlOf"] = (kind, object) => objectUrl(entry, reference, kind, object);

  const ask = async (
    request: Pick<PullRequest, "method" | "stage" | "isManifest" | "mediaType"> & { readonly object: string },
  ): Promise<{ readonly request: PullRequest; readonly reply: PullAnswer }> => {
    const { object, isManifest, stage, mediaType, method } = request;
    const whole: PullRequest = {
      host: 0,
      stage,
      method,
      url: urlOf(isManifest ? "manifests" : "blobs", object),
      isManifest,
      mediaType,
      isLastHost: false,
      hash: object.includes(":") ? object.slice(0, object.indexOf(":")) : "sha256",
      maxBytes: MAX_MANIFEST_BYTES,
      isReached: true,
    };
    const headers =
      stage === "resolve" ? resolveHeaders(sources, traits) : fetchHeaders(sources, mediaType, traits);
    const log = createExchangeLog();
    const asked = { ...whole, url: requestUrl(whole.url, entry), headers, isPatient: false };
    const answer = await askRegistry(registry, asked, log);
    return { request: whole, reply: toPullAnswer(answer, whole.hash, log.exchange()) };
  };
  /** Throws unless it serves. */
  const settle = (judgement: Judgement, { request, reply }: Awaited<ReturnType<typeof ask>>): void => {
    if (judgement.move === "serves") return;
    const words = describeAnswer({ request, reply, judgement }, host);
    throw new UnclearError(
      words === undefined
        ? `${request.method} ${request.url}: ${reply.status}`
        : `${words.cause}; ${words.fix}`,
    );
  };

  return {
    urlOf,
    async manifest(object, wanted) {
      const isTop = wanted === undefined;
      const asked = await ask({
        method: "GET",
        stage: isTop ? "resolve" : "platform",
        isManifest: true,
        mediaType: wanted?.mediaType ?? "",
        object,
      });
      const { reply } = asked;
      if (reply.status === 404) return undefined;
      if (reply.status > 299)
        settle({ move: "next", code: codeOfStatus(reply.status, reply.isRefused) }, asked);
      const isDigest = object.includes(":");
      const { body, mediaType } = reply;
      const size = body?.bytes.length ?? 0;
      settle(
        isTop && !isDigest
          ? judgeGet(reply, undefined, traits)
          : judgeFetch(reply, wanted ?? { digest: object, size, mediaType }, traits),
        asked,
      );
      const read = readManifestParts(body?.bytes ?? new Uint8Array(), mediaType);
      if (!read.ok) throw new UnclearError(`GET ${asked.request.url}: no manifest: ${read.reason}`);
      return { digest: body?.digest ?? object, parts: read.parts };
    },
    async hasBlob({ digest, mediaType, size }) {
      const asked = await ask({
        method: "HEAD",
        stage: "config",
        isManifest: false,
        mediaType,
        object: digest,
      });
      const { status, contentLength, isRefused } = asked.reply;
      if (status === 404) return false;
      if (status > 299) settle({ move: "next", code: codeOfStatus(status, isRefused) }, asked);
      // One that is cut off is as good as none.
      return contentLength === undefined || contentLength === size;
    },
  };
}
