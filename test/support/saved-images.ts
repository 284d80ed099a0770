import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type TarPart, tarOf } from "./tar.ts";

/** What `docker save` has of an image before it lays it out: a config, and layers that are not compressed. */
export interface SavedParts {
  readonly name: string;
  readonly config: Buffer;
  readonly configHex: string;
  readonly layers: readonly { readonly bytes: Buffer; readonly hex: string }[];
}

/** A layer for each of `contents`: an archive as it is, or one of a file with that text. */
export function savedParts(name: string, contents: readonly (string | Buffer)[]): SavedParts {
  const layers = contents.map((content, at) => {
    const bytes = typeof content === "string" ? tarOf([{ name: `etc/file-${at}`, content }]) : content;
    return { bytes, hex: hexOf(bytes) };
  });
  const config = Buffer.from(
    JSON.stringify({
      os: "linux",
      architecture: "amd64",
      config: {},
      rootfs: { type: "layers", diff_ids: layers.map(({ hex }) => `sha256:${hex}`) },
    }),
  );
  return { name, config, configHex: hexOf(config), layers };
}

/** Up to Docker 24: a folder a layer by the ID of the layer's chain, a link for a layer that is there before. */
export function oldLayout({ name, config, configHex, layers }: SavedParts): readonly TarPart[] {
  const ids = layers.map(({ hex }, at) => hexOf(Buffer.from(`${at} ${hex}`)));
  const first = (hex: string) => ids[layers.findIndex((layer) => layer.hex === hex)];
  const Layers = ids.map((id) => `${id}/layer.tar`);
  return [
    ...layers.flatMap(({ bytes, hex }, at): readonly TarPart[] => [
      { name: `${ids[at]}/`, type: "5" },
      { name: `${ids[at]}/VERSION`, content: "1.0" },
      { name: `${ids[at]}/json`, content: JSON.stringify({ id: ids[at] }) },
      first(hex) === ids[at]
        ? { name: `${ids[at]}/layer.tar`, content: bytes }
        : { name: `${ids[at]}/layer.tar`, type: "2", linkName: `../${first(hex)}/layer.tar` },
    ]),
    { name: `${configHex}.json`, content: config },
    {
      name: "manifest.json",
      content: JSON.stringify([{ Config: `${configHex}.json`, RepoTags: [name], Layers }]),
    },
    { name: "repositories", content: "{}" },
  ];
}

/**
 * Docker from 25 with its own image store: everything below blobs/, index.json beside manifest.json. `hasLayers` false is
 * as 25.0 wrote it (https://github.com/moby/moby/issues/47065): a manifest without layers.
 */
export function blobLayout(
  { name, config, configHex, layers }: SavedParts,
  hasLayers: boolean,
): readonly TarPart[] {
  const OCI = "application/vnd.oci.image";
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: { mediaType: `${OCI}.config.v1+json`, digest: `sha256:${configHex}`, size: config.length },
    layers: hasLayers
      ? layers.map(({ bytes, hex }) => ({
          mediaType: `${OCI}.layer.v1.tar`,
          digest: `sha256:${hex}`,
          size: bytes.length,
        }))
      : [],
  });
  const index = {
    schemaVersion: 2,
    mediaType: `${OCI}.index.v1+json`,
    manifests: [
      {
        mediaType: `${OCI}.manifest.v1+json`,
        digest: `sha256:${hexOf(manifest)}`,
        size: manifest.length,
        annotations: {
          "io.containerd.image.name": `docker.io/library/${name}`,
          "org.opencontainers.image.ref.name": "1",
        },
      },
    ],
  };
  const Layers = layers.map(({ hex }) => `blobs/sha256/${hex}`);
  return [
    { name: "blobs/", type: "5" },
    { name: "blobs/sha256/", type: "5" },
    ...[
      { bytes: config, hex: configHex },
      ...layers,
      { bytes: Buffer.from(manifest), hex: hexOf(manifest) },
    ].map(({ bytes, hex }) => ({ name: `blobs/sha256/${hex}`, content: bytes })),
    { name: "index.json", content: JSON.stringify(index) },
    {
      name: "manifest.json",
      content: JSON.stringify([
        { Config: `blobs/sha256/${configHex}`, RepoTags: [name], Layers, LayerSources: {} },
      ]),
    },
    { name: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: "repositories", content: "{}" },
  ];
}

/** As crane writes it: layers compressed, under the names of their digests. */
export function craneLayout({ name, config, configHex, layers }: SavedParts): readonly TarPart[] {
  const packed = layers.map(({ bytes }) => gzipSync(bytes));
  return [
    { name: `sha256:${configHex}`, content: config },
    ...packed.map((content) => ({ name: `${hexOf(content)}.tar.gz`, content })),
    {
      name: "manifest.json",
      content: JSON.stringify([
        {
          Config: `sha256:${configHex}`,
          RepoTags: [name],
          Layers: packed.map((bytes) => `${hexOf(bytes)}.tar.gz`),
        },
      ]),
    },
  ];
}

/** The manifest that a registry would have of what crane wrote. */
export function craneManifest({ config, configHex, layers }: SavedParts): Buffer {
  const DOCKER = "application/vnd.docker";
  const packed = layers.map(({ bytes }) => gzipSync(bytes));
  return Buffer.from(
    ` ${JSON.stringify(
      {
        schemaVersion: 2,
        mediaType: `${DOCKER}.distribution.manifest.v2+json`,
        config: {
          mediaType: `${DOCKER}.container.image.v1+json`,
          size: config.length,
          digest: `sha256:${configHex}`,
        },
        layers: packed.map((bytes) => ({
          mediaType: `${DOCKER}.image.rootfs.diff.tar.gzip`,
          size: bytes.length,
          digest: `sha256:${hexOf(bytes)}`,
        })),
      },
      null,
      3,
    )}\n\n`,
  );
}

export function hexOf(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
