const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/** What containerd asks for when it resolves a name. */
export const ACCEPT_MANIFESTS = [DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX, "*/*"].join(", ");

/** `other` is fetched from `/blobs/`, where no registry has it. */
export type ManifestKind = "manifest" | "index" | "schema-1" | "other";

/** How containerd takes the Content-Type of a manifest. */
export function manifestKind(mediaType: string): ManifestKind {
  if (mediaType === DOCKER_MANIFEST || mediaType === OCI_MANIFEST) return "manifest";
  if (mediaType === DOCKER_LIST || mediaType === OCI_INDEX) return "index";
  return mediaType === SCHEMA_1 || mediaType === "text/plain" ? "schema-1" : "other";
}

/** Of a Content-Type what containerd looks at: the part before the first `;`, as it is. */
export function bareMediaType(contentType: string): string {
  return contentType.split(";", 1)[0] ?? "";
}
