import { execFileSync } from "node:child_process";
import { createCipheriv, createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

const MIB = 2 ** 20;
const IMAGES = 20;
/** Images that stand on the same base have its layers in common. */
const BASES = 4;
/** Of a base, and of each image's own layers, in parts of the whole; as real images have them: few large, many small. */
const BASE_LAYERS = [0.5, 0.3, 0.15, 0.05];
const OWN_LAYERS = [0.7, 0.2, 0.08, 0.019, 0.001];
const BASE_SHARE = 0.35;

export interface BenchImage {
  /** As the bundle names it. */
  readonly name: string;
  readonly repository: string;
  readonly digest: string;
}

export interface BenchBundle {
  /** Unpacked. */
  readonly folder: string;
  readonly images: readonly BenchImage[];
  /** Of everything once, in bytes. */
  readonly size: number;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** An OCI layout of that many MiB, the same bytes at each call: raw layers, which compress to some 40 %. */
export async function makeBundle(folder: string, mib: number): Promise<BenchBundle> {
  const blobs = join(folder, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const bytes = createContent();
  let size = 0;
  const put = async (mediaType: string, length: number, pieces: Iterable<Buffer>): Promise<Descriptor> => {
    const digest = await writeBlob(blobs, pieces);
    size += length;
    return { mediaType, digest: `sha256:${digest}`, size: length };
  };
  const json = (mediaType: string, value: object) => {
    const text = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...value }));
    return put(mediaType, text.length, [text]);
  };
  const layers = async (whole: number, shares: readonly number[]): Promise<Descriptor[]> => {
    const made: Descriptor[] = [];
    for (const share of shares) {
      const length = Math.max(64, Math.round(whole * share));
      made.push(await put("application/vnd.oci.image.layer.v1.tar", length, bytes(length)));
    }
    return made;
  };
  const bases: Descriptor[][] = [];
  for (let base = 0; base < BASES; base++)
    bases.push(await layers((mib * MIB * BASE_SHARE) / BASES, BASE_LAYERS));
  const images: BenchImage[] = [];
  const tops: object[] = [];
  for (let index = 0; index < IMAGES; index++) {
    const base = bases[index % BASES] ?? [];
    // Each fifth one is a list of two platforms, whose layers differ above the base.
    const platforms = index % 5 === 4 ? ["amd64", "arm64"] : ["amd64"];
    const manifests: object[] = [];
    for (const architecture of platforms) {
      const own = await layers((mib * MIB * (1 - BASE_SHARE)) / IMAGES / platforms.length, OWN_LAYERS);
      const config = await json("application/vnd.oci.image.config.v1+json", {
        architecture,
        os: "linux",
        image: index,
        rootfs: { type: "layers", diff_ids: [...base, ...own].map(({ digest }) => digest) },
      });
      const manifest = await json("application/vnd.oci.image.manifest.v1+json", {
        config,
        layers: [...base, ...own],
      });
      manifests.push({ ...manifest, platform: { architecture, os: "linux" } });
    }
    const top = (
      manifests.length === 1
        ? manifests[0]
        : await json("application/vnd.oci.image.index.v1+json", { manifests })
    ) as Descriptor;
    const repository = `bench/app-${index}`;
    const name = `gcr.io/${repository}:1`;
    images.push({ name, repository, digest: top.digest });
    tops.push({
      ...top,
      annotations: { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name },
    });
  }
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: tops }));
  return { folder, images, size };
}

/** As skopeo, containerd and `docker save` have it: blobs first, index.json behind them. */
export function packBundle({ folder }: BenchBundle, file: string, kind: "tar" | "xz" | "zst"): void {
  const packers = { tar: "cat", xz: "xz -T0 -3", zst: "zstd -q -T0 -3" };
  execFileSync(
    "bash",
    [
      "-c",
      `set -o pipefail; tar -C "$1" -cf - blobs index.json oci-layout | ${packers[kind]} >"$2"`,
      "pack",
      folder,
      file,
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
}

/** A quarter is noise, the rest words: a stream, so that no layer is like another. */
function createContent(): (length: number) => Iterable<Buffer> {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, 7), Buffer.alloc(16));
  const noise = (length: number): Buffer => cipher.update(Buffer.alloc(length));
  const words = Array.from({ length: 4096 }, () => Buffer.from(`${noise(3).toString("hex")}_w `));
  return function* content(length) {
    for (let left = length; left > 0; left -= MIB) {
      const piece = Buffer.alloc(Math.min(MIB, left));
      const loud = piece.length >> 2;
      noise(loud).copy(piece);
      const choice = noise(2 * Math.ceil(piece.length / 9));
      for (let at = loud, index = 0; at < piece.length; index += 2)
        at += words[choice.readUInt16LE(index) & 4095]?.copy(piece, at) ?? piece.length;
      yield piece;
    }
  };
}

async function writeBlob(blobs: string, pieces: Iterable<Buffer>): Promise<string> {
  const hash = createHash("sha256");
  const temporary = join(blobs, "new");
  const file = createWriteStream(temporary);
  for (const piece of pieces) {
    hash.update(piece);
    if (!file.write(piece)) await once(file, "drain");
  }
  file.end();
  await once(file, "close");
  const digest = hash.digest("hex");
  await rename(temporary, join(blobs, digest));
  return digest;
}
