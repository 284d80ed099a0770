import { createHash, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";

/** Bytes as a registry stores them: a blob, or a manifest with its media type. */
export interface LabObject {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export interface LabImage {
  /** Of the index when there are several platforms, else of the one manifest. */
  readonly digest: string;
  readonly mediaType: string;
  /** The object that a tag names comes last. */
  readonly manifests: readonly LabObject[];
  readonly blobs: readonly LabObject[];
}

export interface ImageOptions {
  /** `os/architecture`. More than one makes an index. Default: this machine's. */
  readonly platforms?: readonly string[];
  readonly layers?: number;
  /** Of random, so incompressible, content in each layer. */
  readonly bytesPerLayer?: number;
  readonly format?: "oci" | "docker";
}

export const thisPlatform = `linux/${process.arch === "arm64" ? "arm64" : "amd64"}`;

/** A valid image with content that no other image has, so that a pull of it has to fetch everything. */
export function buildImage(options: ImageOptions = {}): LabImage {
  const types = mediaTypes[options.format ?? "oci"];
  const platforms = options.platforms ?? [thisPlatform];
  const built = platforms.map((platform) => buildManifest(platform, options, types));
  const manifests = built.map(({ manifest }) => manifest);
  const blobs = built.flatMap((each) => each.blobs);
  const [only] = manifests;
  if (manifests.length === 1 && only !== undefined)
    return { digest: only.digest, mediaType: only.mediaType, manifests, blobs };
  const index = json(types.index, {
    schemaVersion: 2,
    mediaType: types.index,
    manifests: manifests.map((manifest, i) => ({
      ...describe(manifest),
      platform: split(platforms[i] ?? ""),
    })),
  });
  return { digest: index.digest, mediaType: index.mediaType, manifests: [...manifests, index], blobs };
}

const mediaTypes = {
  oci: {
    index: "application/vnd.oci.image.index.v1+json",
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  },
  docker: {
    index: "application/vnd.docker.distribution.manifest.list.v2+json",
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  },
};
type MediaTypes = (typeof mediaTypes)["oci"];

function buildManifest(platform: string, options: ImageOptions, types: MediaTypes) {
  const { layers: count = 1, bytesPerLayer = 64 } = options;
  const archives = Array.from({ length: count }, (_, i) => tar(`layer-${i}`, randomBytes(bytesPerLayer)));
  const layers = archives.map((archive) => lab(types.layer, gzipSync(archive, { level: 1 })));
  const config = json(types.config, {
    ...split(platform),
    config: { Cmd: ["/layer-0"] },
    rootfs: { type: "layers", diff_ids: archives.map(sha256) },
  });
  const manifest = json(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: describe(config),
    layers: layers.map(describe),
  });
  return { manifest, blobs: [config, ...layers] };
}

function split(platform: string): { os: string; architecture: string } {
  const [os = "", architecture = ""] = platform.split("/");
  return { os, architecture };
}

function describe({ mediaType, digest, bytes }: LabObject) {
  return { mediaType, digest, size: bytes.length };
}

function json(mediaType: string, value: unknown): LabObject {
  return lab(mediaType, Buffer.from(JSON.stringify(value)));
}

function lab(mediaType: string, bytes: Uint8Array): LabObject {
  return { digest: sha256(bytes), mediaType, bytes };
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** An archive of one regular file, in the ustar format of POSIX.1-1988. */
function tar(name: string, content: Uint8Array): Uint8Array {
  const header = Buffer.alloc(512);
  const octal = (value: number, at: number, width: number) =>
    header.write(`${value.toString(8).padStart(width - 1, "0")}\0`, at);
  header.write(name, 0);
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content.length, 124, 12);
  octal(0, 136, 12);
  header.write("        0", 148);
  header.write("ustar\u000000", 257);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  const padding = (512 - (content.length % 512)) % 512;
  return Buffer.concat([header, content, Buffer.alloc(padding + 1024)]);
}
