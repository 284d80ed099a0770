import type { Assembly } from "../assembly.ts";
import type { Descriptor } from "../bundle.ts";
import { BUNDLE_LIMITS } from "../bundle-limits.ts";
import type { Gathered } from "../gathered.ts";
import { readManifestParts } from "../push/manifest-parts.ts";

/** Reads a manifest that is held, and those below it. What is wrong with one is a problem of the bundle. */
export function* followManifests(
  gathered: Gathered,
  { digest, mediaType }: Descriptor,
  depth = 0,
): Assembly<void> {
  const held = gathered.holdings.get(digest);
  if (held === undefined || gathered.manifests.has(digest)) return;
  const tell = (message: string) =>
    gathered.problems.push({ severity: "error", code: "bad-manifest", message });
  if (depth > BUNDLE_LIMITS.indexDepth) return void tell(`${held.place}: indexes in indexes without end`);
  if (held.size > BUNDLE_LIMITS.documentBytes)
    return void tell(`${held.place}: ${held.size} bytes, more than registries take of a manifest`);
  const bytes = held.bytes ?? (held.member && (yield { ask: "document", member: held.member }).document);
  if (bytes === undefined) return void tell(`${held.place}: the manifest is no JSON object`);
  const read = readManifestParts(bytes, mediaType);
  if (!read.ok) return void tell(`${held.place}: no manifest: ${read.reason}`);
  gathered.manifests.set(digest, read.parts);
  for (const child of read.parts.manifests) yield* followManifests(gathered, child, depth + 1);
}
