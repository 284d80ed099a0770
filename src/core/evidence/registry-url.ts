import { hostOf } from "./watched-hosts.ts";

/** What a request to a registry asked for. */
export interface RegistryUrl {
  /** host:port */
  readonly host: string;
  /** Host namespace of the image, from `ns=`; without it the host is the registry itself. */
  readonly registry: string;
  /** As in the path: with a mirror's path prefix in front. */
  readonly repository: string;
  readonly kind: "manifest" | "blob";
  readonly object: string;
}

/** Reads `https://host/v2/<repository>/manifests/<tag>?ns=gcr.io`; undefined for anything else. */
export function parseRegistryUrl(url: string): RegistryUrl | undefined {
  const match = /^https?:\/\/[^/?#]+\/(?:v2\/)?([^?#]+)\/(manifests|blobs)\/([^/?#]+)(?:\?([^#]*))?$/.exec(
    url,
  );
  if (match === null) return undefined;
  const [, repository = "", kind = "", object = "", query = ""] = match;
  const host = hostOf(url);
  const ns = new URLSearchParams(query).get("ns");
  const own = host === "registry-1.docker.io" ? "docker.io" : host;
  return {
    host,
    registry: ns ?? own,
    repository,
    kind: kind === "blobs" ? "blob" : "manifest",
    object,
  };
}
