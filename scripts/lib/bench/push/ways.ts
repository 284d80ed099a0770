import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchBundle, BenchImage } from "./make-bundle.ts";

export const SOURCES = ["tar", "xz", "zst"] as const;
export type Source = (typeof SOURCES)[number];

export interface Job {
  readonly bundle: BenchBundle;
  readonly source: Source;
  readonly file: string;
  /** Empty, and thrown away afterwards. */
  readonly work: string;
  /** host:port */
  readonly registry: string;
}

/** How a tool fills a registry from the bundle: a script of bash. */
export interface Way {
  readonly name: string;
  script(job: Job): string;
}

export interface Programs {
  readonly mirrorlet: string;
  readonly skopeo: string;
  readonly crane: string;
  readonly oras: string;
}

/** The others as a script would have them do it: whatever they cannot read unpacked, four images at once. */
export function listWays({ mirrorlet, skopeo, crane, oras }: Programs): readonly Way[] {
  return [
    {
      name: "mirrorlet push",
      script: ({ file, registry }) =>
        `${mirrorlet} push ${file} --to ${registry} --plain-http --no-registry-credential`,
    },
    {
      name: "unpack, skopeo copy",
      script: (job) =>
        `${unpack(job)}\n${each(job, ({ name, repository }) => `${skopeo} --insecure-policy copy -q --all --preserve-digests --dest-tls-verify=false oci:${job.work}/unpacked:${name} docker://${job.registry}/${repository}:1`)}`,
    },
    {
      name: "unpack, crane push",
      script(job) {
        for (const { digest, repository } of job.bundle.images) singleOut(job, digest, repository);
        return `${unpack(job)}\n${each(job, ({ repository }) => `${crane} push ${job.work}/single/${repository} ${job.registry}/${repository}:1`)}`;
      },
    },
    {
      name: "oras cp",
      script(job) {
        const from = job.source === "tar" ? job.file : `${job.work}/unpacked`;
        const copies = each(
          job,
          ({ digest, repository }) =>
            `${oras} cp -r --no-tty --from-oci-layout ${from}@${digest} --to-plain-http ${job.registry}/${repository}:1`,
        );
        return job.source === "tar" ? copies : `${unpack(job)}\n${copies}`;
      },
    },
  ];
}

export function decode({ source, file }: Pick<Job, "source" | "file">): string {
  return { tar: `cat ${file}`, xz: `xz -T0 -dc ${file}`, zst: `zstd -q -dc ${file}` }[source];
}

function unpack(job: Job): string {
  return `mkdir -p ${job.work}/unpacked\n${decode(job)} | tar -x -C ${job.work}/unpacked`;
}

function each({ bundle }: Job, command: (image: BenchImage) => string): string {
  const lines = bundle.images.map(command).join("\n");
  return `xargs -P4 -I{} sh -c '{} >/dev/null' <<'EOF'\n${lines}\nEOF`;
}

/** crane takes a layout of one image only. */
function singleOut({ bundle, work }: Job, digest: string, repository: string): void {
  const folder = join(work, "single", repository);
  mkdirSync(folder, { recursive: true });
  const index = JSON.parse(readFileSync(join(bundle.folder, "index.json"), "utf8"));
  const manifests = index.manifests.filter((one: { digest: string }) => one.digest === digest);
  writeFileSync(join(folder, "index.json"), JSON.stringify({ ...index, manifests }));
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  symlinkSync(join(work, "unpacked/blobs"), join(folder, "blobs"));
}
