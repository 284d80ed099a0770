import type { LabImage } from "./image.ts";
import type { TarPart } from "./tar.ts";

/** An OCI layout of images, as skopeo and containerd order it: blobs first. */
export function layoutParts(images: Readonly<Record<string, LabImage>>): readonly TarPart[] {
  const all = Object.values(images).flatMap(({ manifests, blobs }) => [...manifests, ...blobs]);
  const objects = [...new Map(all.map((object) => [object.digest, object])).values()];
  const index = {
    schemaVersion: 2,
    manifests: Object.entries(images).map(([name, { digest, mediaType, manifests }]) => ({
      mediaType,
      digest,
      size: manifests.find((one) => one.digest === digest)?.bytes.length,
      annotations: { "io.containerd.image.name": name },
    })),
  };
  return [
    ...objects.map(({ digest, bytes }) => ({ name: blobPath(digest), content: bytes })),
    { name: "index.json", content: JSON.stringify(index) },
    { name: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
  ];
}

/** The same as `dump` orders it: index, lists before what they name, then all else. */
export function indexFirst(images: Readonly<Record<string, LabImage>>): readonly TarPart[] {
  const parts = layoutParts(images);
  const manifests = Object.values(images).flatMap((image) =>
    image.manifests.map(({ digest }) => blobPath(digest)).reverse(),
  );
  const first = ["oci-layout", "index.json", ...manifests];
  const rank = ({ name }: TarPart): number => (first.includes(name) ? first.indexOf(name) : first.length);
  return [...parts].sort((a, b) => rank(a) - rank(b));
}

export function blobPath(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}
