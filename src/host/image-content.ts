import { type ImageContent, readManifest, type StoredObject } from "../core/evidence/image-content.ts";
import { type Call, CallError, type Listen } from "./cri-client.ts";

const CALL_MS = 10_000;
/** containerd takes manifests up to 8 MiB; those of real images have some KiB. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

export interface ContentStore {
  readonly call: Call;
  readonly listen: Listen;
  readonly signal: AbortSignal;
}

/**
 * Walks from the index or manifest to what it names, as far as that is in the content store. Undefined: not an image
 * that could run here, as its manifest or its configuration is not there.
 */
export async function readImageContent(
  target: string,
  store: ContentStore,
): Promise<ImageContent | undefined> {
  const root = await readObject(target, store);
  if (root === undefined) return undefined;
  if (root.parts.kind === "manifest") return withParts(target, [root.stored], [root], store);
  const children = await Promise.all(root.parts.manifests.map((digest) => readObject(digest, store)));
  // Manifests of other platforms are not fetched, or are there without their configuration.
  return withParts(target, [root.stored], children.filter(isPresent), store);
}

interface ReadObject {
  readonly stored: StoredObject;
  readonly parts: NonNullable<ReturnType<typeof readManifest>>;
}

async function withParts(
  target: string,
  roots: readonly StoredObject[],
  manifests: readonly ReadObject[],
  store: ContentStore,
): Promise<ImageContent | undefined> {
  const objects = new Map(roots.map((stored) => [stored.digest, stored]));
  let isImage = false;
  let complete = true;
  for (const { stored, parts } of manifests) {
    if (parts.kind !== "manifest") continue;
    const config = await infoOf(parts.config, "blob", store);
    if (config === undefined) continue;
    isImage = true;
    const layers = await Promise.all(parts.layers.map((digest) => infoOf(digest, "blob", store)));
    complete &&= layers.every(isPresent);
    for (const each of [stored, config, ...layers.filter(isPresent)]) objects.set(each.digest, each);
  }
  return isImage ? { target, objects: [...objects.values()], complete } : undefined;
}

async function readObject(digest: string, store: ContentStore): Promise<ReadObject | undefined> {
  const stored = await infoOf(digest, "manifest", store);
  if (stored === undefined || stored.bytes > MAX_MANIFEST_BYTES) return undefined;
  const chunks: Uint8Array[] = [];
  await store.listen(
    "containerd.services.content.v1.Content/Read",
    { digest },
    (reply) => chunks.push((reply as { data: Uint8Array }).data),
    AbortSignal.any([store.signal, AbortSignal.timeout(CALL_MS)]),
  );
  const parts = readManifest(Buffer.concat(chunks));
  return parts === undefined ? undefined : { stored, parts };
}

interface Info {
  readonly size: number;
  readonly createdAt: { readonly seconds: number; readonly nanos: number } | null;
}

/** Undefined: not in the store. */
async function infoOf(
  digest: string,
  kind: StoredObject["kind"],
  { call, signal }: ContentStore,
): Promise<StoredObject | undefined> {
  try {
    const options = { timeoutMs: CALL_MS, signal };
    const reply = await call("containerd.services.content.v1.Content/Info", { digest }, options);
    const { size, createdAt } = (reply as { info: Info }).info;
    const createdMs = (createdAt?.seconds ?? 0) * 1000 + Math.floor((createdAt?.nanos ?? 0) / 1e6);
    return { digest, kind, bytes: size, createdMs };
  } catch (error) {
    if (error instanceof CallError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

function isPresent<T>(value: T | undefined): value is T {
  return value !== undefined;
}
