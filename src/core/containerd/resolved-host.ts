import {
  blobUrl,
  type HostEntry,
  isUpstreamHost,
  manifestUrl,
  resolveRequest,
} from "./hosts-toml/host-entry.ts";
import type { ImageReference } from "./image-reference.ts";
import { isLoopbackHost } from "./loopback.ts";

/** Path of the agent's own listener that proves fallbacks; a last host that answers 404 at once. */
const WITNESS_PATH = "/witness";

/** A host in its place in a pull. */
export interface ResolvedHost {
  readonly entry: HostEntry;
  readonly role: "mirror" | "upstream" | "witness";
  /** Whether it is asked in the resolve step; in the fetch step every host is, whatever its capabilities. */
  readonly resolves: boolean;
  readonly resolve: { readonly method: "HEAD"; readonly url: string };
  readonly manifest: { readonly url: string };
  readonly blob: { readonly url: string };
  /** Why it is not asked in the resolve step, or can never answer. */
  readonly skipped?: string;
}

export function placeHost(entry: HostEntry, reference: ImageReference): ResolvedHost {
  const missing = missingCapability(entry, reference);
  const skipped = explainSkip(entry, missing);
  return {
    entry,
    role: roleOf(entry, reference.namespace),
    resolves: missing === undefined,
    resolve: resolveRequest(entry, reference),
    manifest: { url: manifestUrl(entry, reference) },
    blob: { url: blobUrl(entry, reference) },
    ...(skipped !== undefined && { skipped }),
  };
}

function roleOf({ scheme, host, path }: HostEntry, namespace: string): ResolvedHost["role"] {
  if (isUpstreamHost(host, namespace)) return "upstream";
  const isWitness = path === WITNESS_PATH || path.startsWith(`${WITNESS_PATH}/`);
  return scheme === "https" && isWitness && isLoopbackHost(host) ? "witness" : "mirror";
}

/** A tag needs pull and resolve, a digest pull alone. */
function missingCapability(entry: HostEntry, { target }: ImageReference): string | undefined {
  const needed = target.kind === "digest" ? (["pull"] as const) : (["pull", "resolve"] as const);
  return needed.find((capability) => !entry.capabilities.includes(capability));
}

function explainSkip({ written, scheme, host }: HostEntry, missing: string | undefined): string | undefined {
  if (host === "")
    return `${JSON.stringify(written)} has no host: write it with https:// or http:// in front`;
  if (scheme !== "http" && scheme !== "https") return `containerd cannot speak ${JSON.stringify(scheme)}`;
  if (missing === undefined) return undefined;
  return `no "${missing}" capability: not asked in the resolve step, but for the content all the same`;
}
