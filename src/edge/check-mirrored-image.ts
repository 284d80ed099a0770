import { platformName } from "../core/bundle/check-image.ts";
import { chooseChildren, type WantedPlatform } from "../core/bundle/dump/platform.ts";
import type { MirrorHoldings, MissingPart } from "../core/bundle/mirrored-image.ts";
import { isForeign, type ManifestParts } from "../core/bundle/push/manifest-parts.ts";
import { entryUrl } from "../core/containerd/hosts-toml/host-entry.ts";
import type { Descriptor } from "../core/containerd/pull/pull-request.ts";
import type { HttpClient } from "../registry/http-client.ts";
import { RegistryError } from "../registry/registry-error.ts";
import { createMirrorReader, type MirrorReader, type MirrorTarget, UnclearError } from "./mirror-reader.ts";

export interface CheckTarget extends MirrorTarget {
  /** None: all that a list names. */
  readonly platforms: readonly WantedPlatform[];
}

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
  const reader = createMirrorReader(client, target, signal);
  try {
    return await lookAt(reader, target, about);
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

async function lookAt(
  reader: MirrorReader,
  { reference, platforms: wanted }: CheckTarget,
  about: MirrorHoldings,
): Promise<MirrorHoldings> {
  const { target } = reference;
  const object = target.kind === "tag" ? target.tag : target.digest;
  const top = await reader.manifest(object);
  if (top === undefined) {
    const digest = target.kind === "digest" ? { digest: target.digest } : {};
    return { ...about, missing: [{ kind: "manifest", ...digest, url: reader.urlOf("manifests", object) }] };
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
      const found = await reader.manifest(child.digest, child);
      if (found !== undefined) await visit(found.parts, name);
      else missing.push(missingPart("manifest", child.digest, name, reader));
    }
  };
  await visit(top.parts, undefined);
  const pending = [...blobs.values()];
  const work = async (): Promise<void> => {
    for (let next = pending.shift(); next !== undefined; next = pending.shift())
      if (!(await reader.hasBlob(next.wanted)))
        missing.push(missingPart("blob", next.wanted.digest, next.platform, reader));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { ...about, digest: top.digest, platforms: [...platforms], blobs: blobs.size, missing };
}

function missingPart(
  kind: MissingPart["kind"],
  digest: string,
  platform: string | undefined,
  { urlOf }: MirrorReader,
): MissingPart {
  const url = urlOf(kind === "manifest" ? "manifests" : "blobs", digest);
  return { kind, digest, url, ...(platform === undefined ? {} : { platform }) };
}
