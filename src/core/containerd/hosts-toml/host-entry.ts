import { joinPath } from "../go-path.ts";
import type { ImageReference } from "../image-reference.ts";

export type Capability = "pull" | "resolve" | "push" | "referrers";

/** One host containerd would ask, in the form it keeps after reading a file. Plain data. */
export interface HostEntry {
  /** The table name or `server` value as written; empty for a default upstream. */
  readonly written: string;
  readonly scheme: string;
  /** `host` or `host:port` as it will be contacted; empty when the URL has none (never reachable). */
  readonly host: string;
  /** The final prefix of every request path: `/v2`, `/foo/v2`, or what `override_path` left. */
  readonly path: string;
  readonly capabilities: readonly Capability[];
  /** Absolute paths of CA bundles; undefined: none written. An empty list counts as TLS configuration. */
  readonly ca?: readonly string[];
  /** Certificate and key file; an empty key means that the certificate file holds both. */
  readonly client?: readonly (readonly [certificate: string, key: string])[];
  readonly skipVerify?: boolean;
  /** In file order. Values may be secrets: never shown. */
  readonly header?: readonly { readonly name: string; readonly values: readonly string[] }[];
  readonly dialTimeoutMs?: number;
  /** The scheme is http but containerd speaks TLS first, and http only if the server answers in plain text. */
  readonly httpsFirst: boolean;
  /** From the root keys (`server`): always the last entry. */
  readonly isRoot: boolean;
  /** Where the entry is declared; absent for a default upstream without any root key. */
  readonly line?: number;
  readonly column?: number;
}

/** The placeholder in request URLs whose digest is only known after the resolve step. */
const DIGEST_PLACEHOLDER = "{digest}";

/** The request of the resolve step. */
export function resolveRequest(entry: HostEntry, reference: ImageReference) {
  const { target } = reference;
  const object = target.kind === "digest" ? target.digest : target.tag;
  return { method: "HEAD", url: objectUrl(entry, reference, "manifests", object) } as const;
}

/** GET of a manifest by digest, in the fetch step. */
export function manifestUrl(entry: HostEntry, reference: ImageReference): string {
  const { target } = reference;
  const digest = target.kind === "digest" ? target.digest : DIGEST_PLACEHOLDER;
  return objectUrl(entry, reference, "manifests", digest);
}

/** GET of a config or layer blob, in the fetch step. */
export function blobUrl(entry: HostEntry, reference: ImageReference): string {
  return objectUrl(entry, reference, "blobs", DIGEST_PLACEHOLDER);
}

/** `scheme://host/prefix`, without the repository. */
export function entryUrl(entry: HostEntry): string {
  return `${entry.scheme}://${entry.host}${entry.path}`;
}

/** `object` is a tag or a digest. */
export function objectUrl(
  entry: HostEntry,
  reference: ImageReference,
  kind: "manifests" | "blobs",
  object: string,
): string {
  const prefix = entry.path.startsWith("/") ? entry.path : `/${entry.path}`;
  const path = joinPath(prefix, reference.repository, kind, object);
  const query = isUpstreamHost(entry.host, reference.namespace)
    ? ""
    : `?ns=${encodeURIComponent(reference.namespace)}`;
  return `${entry.scheme}://${entry.host}${path}${query}`;
}

/** The host is the registry itself, so that requests carry no `ns`. */
export function isUpstreamHost(host: string, namespace: string): boolean {
  return host === namespace || (namespace === "docker.io" && host === "registry-1.docker.io");
}
