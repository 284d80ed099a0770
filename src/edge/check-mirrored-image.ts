import type { AccessSources } from "../agent/evidence/probe-ports.ts";
import type { MirrorHoldings, MissingPart } from "../core/bundle/check/mirrored-image.ts";
import { platformName } from "../core/bundle/check-image.ts";
import { chooseChildren, type WantedPlatform } from "../core/bundle/dump/platform.ts";
import { isForeign, type ManifestParts, readManifestParts } from "../core/bundle/push/manifest-parts.ts";
import { entryUrl, objectUrl } from "../core/containerd/hosts-toml/host-entry.ts";
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
import { RegistryError } from "../registry/registry-error.ts";
import { toPullAnswer } from "./pull-answer.ts";

export interface CheckTarget {
  readonly reference: ImageReference;
  readonly host: ResolvedHost;
  readonly access: AccessSources;
  readonly traits: ContainerdTraits;
  /** None: all that a list names. */
  readonly platforms: readonly WantedPlatform[];
}

const LIMITS = { dialMs: 10_000, handshakeMs: 10_000, responseMs: 20_000 };
/** HEADs for the blobs of an image at a time. */
const AT_ONCE = 4;

/**
 * What a mirror has of an image: manifests are fetched, and blobs are asked for by HEAD, with the very requests that
 * containerd would make. Never rejects, but when the signal comes. `dead`: hosts that nobody can reach, with why; it
 * grows, so that each is waited for once.
 */
export async function checkMirroredImage(
  client: HttpClient,
  target: CheckTarget,
  signal: AbortSignal,
  dead: Map<string, string> = new Map(),
): Promise<MirrorHoldings> {
  const { host, reference } = target;
  const about = { mirror: entryUrl(host.entry), platforms: [], blobs: 0, missing: [] };
  if (host.skipped !== undefined && !host.resolves && reference.target.kind === "tag")
    return { ...about, skipped: host.skipped };
  const known = dead.get(host.entry.host);
  if (known !== undefined) return { ...about, failure: known };
  const asker = createAsker(client, target, signal);
  try {
    return await lookAt(asker, target, about);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UnclearError) return { ...about, failure: error.message };
    if (!(error instanceof RegistryError)) throw error;
    const { cause, fix } = error.failure;
    const failure = `${cause}; ${fix}`;
    if (["dns", "connect", "tls"].includes(error.phase)) dead.set(host.entry.host, failure);
    return { ...about, failure };
  }
}

/** An answer that says neither that it is there nor that it is not. */
class UnclearError extends Error {}

interface Asker {
  /** Undefined: it is not there. */
  manifest(
    object: string,
    wanted?: Descriptor,
  ): Promise<{ digest: string; parts: ManifestParts } | undefined>;
  hasBlob(wanted: Descriptor): Promise<boolean>;
  urlOf(kind: "manifests" | "blobs", object: string): string;
}

async function lookAt(
  asker: Asker,
  { reference, platforms: wanted }: CheckTarget,
  about: MirrorHoldings,
): Promise<MirrorHoldings> {
  const { target } = reference;
  const object = target.kind === "tag" ? target.tag : target.digest;
  const top = await asker.manifest(object);
  if (top === undefined) {
    const digest = target.kind === "digest" ? { digest: target.digest } : {};
    return { ...about, missing: [{ kind: "manifest", ...digest, url: asker.urlOf("manifests", object) }] };
  }
  const missing: MissingPart[] = [];
  const blobs = new Map<string, { readonly wanted: Descriptor; readonly platform: string | undefined }>();
  const platforms = new Set<string>();
  const visit = async (parts: ManifestParts, platform: string | undefined): Promise<void> => {
    for (const blob of parts.blobs) if (!isForeign(blob)) blobs.set(blob.digest, { wanted: blob, platform });
    const { taken } = chooseChildren(parts.manifests, wanted);
    if (taken.length === 0 && parts.manifests.length > 0)
      throw new UnclearError("the list has none of the platforms that were asked for");
    for (const child of taken) {
      const name = platformName(child.platform) ?? platform;
      if (name !== undefined) platforms.add(name);
      const found = await asker.manifest(child.digest, child);
      if (found !== undefined) await visit(found.parts, name);
      else missing.push(missingPart("manifest", child.digest, name, asker));
    }
  };
  await visit(top.parts, undefined);
  const pending = [...blobs.values()];
  const work = async (): Promise<void> => {
    for (let next = pending.shift(); next !== undefined; next = pending.shift())
      if (!(await asker.hasBlob(next.wanted)))
        missing.push(missingPart("blob", next.wanted.digest, next.platform, asker));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { ...about, digest: top.digest, platforms: [...platforms], blobs: blobs.size, missing };
}

function missingPart(
  kind: MissingPart["kind"],
  digest: string,
  platform: string | undefined,
  { urlOf }: Asker,
): MissingPart {
  const url = urlOf(kind === "manifest" ? "manifests" : "blobs", digest);
  return { kind, digest, url, ...(platform === undefined ? {} : { platform }) };
}

function createAsker(client: HttpClient, target: CheckTarget, signal: AbortSignal): Asker {
  const { reference, host, access, traits } = target;
  const { entry } = host;
  const scopes = [`repository:${reference.repository}:pull`];
  const registry = openAccess({ client, entry, scopes, ...access, traits, limits: LIMITS, signal });
  const sources = { entry, global: access.config.headers };
  const urlOf: Asker["urlOf"] = (kind, object) => objectUrl(entry, reference, kind, object);

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
