import { createHash, randomFillSync } from "node:crypto";
import { closeSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

export interface BenchBundle {
  /** An OCI layout. */
  readonly folder: string;
  /** The tags in its index, which are repositories at the registry. */
  readonly names: readonly string[];
}

const IMAGES = 20;
/** What of all bytes is in layers that every image shares. */
const SHARED = [0.1, 0.06, 0.04];
const OWN_LAYERS = 3;
const PIECE = 64 * 1024;

/** Images with shared layers that are not compressed, of which xz leaves two fifths: as the layers of packages are. */
export function writeBenchBundle(folder: string, megabytes: number): BenchBundle {
  const blobs = join(folder, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const total = megabytes * 1_000_000;
  const shared = SHARED.map((share) => writeLayer(blobs, total * share));
  const left = total * (1 - SHARED.reduce((sum, share) => sum + share, 0));
  const manifests = Array.from({ length: IMAGES }, (_, at) => {
    const own = Array.from({ length: OWN_LAYERS }, () => writeLayer(blobs, left / IMAGES / OWN_LAYERS));
    const layers = [...shared, ...own];
    const config = writeJson(blobs, "application/vnd.oci.image.config.v1+json", {
      os: "linux",
      architecture: "amd64",
      created: `2026-01-01T00:00:${String(at).padStart(2, "0")}Z`,
      rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    });
    const type = "application/vnd.oci.image.manifest.v1+json";
    const manifest = writeJson(blobs, type, { schemaVersion: 2, mediaType: type, config, layers });
    const name = `app-${at}`;
    const annotations = {
      "org.opencontainers.image.ref.name": name,
      "io.containerd.image.name": `gcr.io/${name}:1`,
    };
    return { ...manifest, annotations };
  });
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  return {
    folder,
    names: manifests.map(({ annotations }) => annotations["org.opencontainers.image.ref.name"]),
  };
}

function writeLayer(blobs: string, bytes: number) {
  const pieces = Math.ceil(bytes / PIECE);
  const path = join(blobs, "next");
  const file = openSync(path, "w");
  const hash = createHash("sha256");
  const piece = Buffer.alloc(PIECE, "What repeats itself, as text and code do. ");
  for (let at = 0; at < pieces; at++) {
    randomFillSync(piece, 0, (PIECE * 2) / 5);
    hash.update(piece);
    writeSync(file, piece);
  }
  closeSync(file);
  const hex = hash.digest("hex");
  renameSync(path, join(blobs, hex));
  const mediaType = "application/vnd.oci.image.layer.v1.tar";
  return { mediaType, digest: `sha256:${hex}`, size: pieces * PIECE };
}

function writeJson(blobs: string, mediaType: string, value: unknown) {
  const bytes = Buffer.from(JSON.stringify(value));
  const hex = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(join(blobs, hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}
