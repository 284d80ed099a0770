import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startDockerRegistry } from "../test/support/docker-registry.ts";
import { labPart } from "../test/support/lab-parts.ts";
import { leaseDirectory } from "../test/support/leased-directory.ts";
import { describeMachine } from "./lib/bench/describe-machine.ts";
import { median } from "./lib/bench/median.ts";
import { type BenchBundle, makeBundle, packBundle } from "./lib/bench/push/make-bundle.ts";
import { type Measured, measureCommand } from "./lib/bench/push/measure-command.ts";
import { decode, type Job, listWays, SOURCES, type Way } from "./lib/bench/push/ways.ts";

const MIB = 2 ** 20;
/** 60 MB/s. Without a delay: not every kernel has netem. */
const SHAPE = ["tbf", "rate", "480mbit", "burst", "256k", "latency", "100ms"];
const LINKS = ["loopback", "shaped"] as const;
type Link = (typeof LINKS)[number];

interface Run extends Measured {
  /** Bytes that lie there when it is over, besides the bundle. */
  readonly disk: number;
  /** The same command again. */
  readonly again: Measured;
}

const { values } = parseArgs({
  options: {
    mib: { type: "string", default: "1500" },
    runs: { type: "string", default: "3" },
    sources: { type: "string", default: SOURCES.join(",") },
    links: { type: "string", default: LINKS.join(",") },
  },
});
const [mib, runs] = [readCount("mib", values.mib), readCount("runs", values.runs)];
const sources = pick("sources", values.sources, SOURCES);
const links = pick("links", values.links, LINKS);

const lease = await leaseDirectory("bench-push");
try {
  const bundle = await makeBundle(join(lease.path, "bundle"), mib);
  const skopeo = await labPart("skopeo");
  const ways = listWays({
    mirrorlet: `${process.execPath} ${join(import.meta.dirname, "../dist/main.js")}`,
    skopeo: `env LD_LIBRARY_PATH=${join(skopeo, "../lib")} ${join(skopeo, "skopeo")}`,
    crane: join(await labPart("crane"), "crane"),
    oras: join(await labPart("oras"), "oras"),
  });
  print(
    `${await describeMachine(lease.path)}; ${bundle.images.length} images, ${inMib(bundle.size)} MiB, medians of ${runs}\n`,
  );
  for (const source of sources) {
    const file = join(lease.path, `bundle.tar${source === "tar" ? "" : `.${source}`}`);
    packBundle(bundle, file, source);
    for (const link of links) {
      shape(link);
      await compare(bundle, { source, file }, link, ways);
    }
    rmSync(file);
  }
} finally {
  await lease.release();
}

/** By turns, so that what else the machine does meets all alike. */
async function compare(
  bundle: BenchBundle,
  { source, file }: Pick<Job, "source" | "file">,
  link: Link,
  ways: readonly Way[],
): Promise<void> {
  const all = new Map<string, Run[]>(ways.map(({ name }) => [name, []]));
  const bare: Measured[] = [];
  for (let run = 0; run < runs; run++) {
    bare.push(await measureCommand(`${decode({ source, file })} >/dev/null`, environment(lease.path)));
    for (const way of ways) all.get(way.name)?.push(await runOnce(way, { bundle, source, file }));
  }
  print(
    `\nFrom a .tar${source === "tar" ? "" : `.${source}`} of ${inMib(statSync(file).size)} MiB, ${link}:\n`,
  );
  print(
    "| | wall, s | to mirrorlet's | CPU, s | memory, MiB | decoder's, MiB | extra disk, MiB | sent, MiB | again, s |",
  );
  print("|---|---|---|---|---|---|---|---|---|");
  const [first] = all.values();
  const base = median((first ?? []).map(({ seconds }) => seconds));
  const bareWall = median(bare.map(({ seconds }) => seconds));
  for (const [name, results] of all) {
    const of = (value: (run: Run) => number): number => median(results.map(value));
    const cells = [
      of(({ seconds }) => seconds).toFixed(1),
      (of(({ seconds }) => seconds) / base).toFixed(2),
      of(({ cpu }) => cpu).toFixed(1),
      inMib(of(({ memory }) => memory)),
      inMib(of(({ decoderMemory }) => decoderMemory)),
      inMib(of(({ disk }) => disk)),
      inMib(of(({ sent }) => sent)),
      of(({ again }) => again.seconds).toFixed(2),
    ];
    print(`| ${name} | ${cells.join(" | ")} |`);
  }
  const name = source === "tar" ? "to read the file" : `\`${decode({ source, file: "" }).trim()}\` alone`;
  print(
    `| ${name} | ${bareWall.toFixed(1)} | ${(bareWall / base).toFixed(2)} | ${median(bare.map(({ cpu }) => cpu)).toFixed(1)} | | | | | |`,
  );
}

async function runOnce(way: Way, what: Pick<Job, "bundle" | "source" | "file">): Promise<Run> {
  const registry = await startDockerRegistry({ kind: "none" });
  const work = join(lease.path, "work");
  mkdirSync(join(work, "tmp"), { recursive: true });
  try {
    const script = way.script({ ...what, work, registry: new URL(registry.url).host });
    const measured = await measureCommand(script, environment(work));
    const disk = Number(execFileSync("du", ["-s", "-B1", work], { encoding: "utf8" }).split("\t")[0]);
    await checkAll(registry.url, what.bundle);
    return { ...measured, disk, again: await measureCommand(script, environment(work)) };
  } finally {
    rmSync(work, { recursive: true });
    await registry.stop();
  }
}

/** Whatever was fast has to be right, too. */
async function checkAll(url: string, { images }: BenchBundle): Promise<void> {
  for (const { repository, digest } of images) {
    const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
    const answer = await fetch(`${url}/v2/${repository}/manifests/1`, {
      method: "HEAD",
      headers: { accept },
    });
    const found = answer.headers.get("docker-content-digest");
    if (found !== digest) throw new Error(`${repository}:1 is ${found ?? answer.status}, not ${digest}`);
  }
}

function environment(home: string): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", HOME: home, TMPDIR: join(home, "tmp") };
}

function shape(link: Link): void {
  const [what, ...how] = link === "shaped" ? ["replace", ...SHAPE] : ["replace", "noqueue"];
  execFileSync("tc", ["qdisc", what ?? "", "dev", "lo", "root", ...how]);
}

function inMib(bytes: number): string {
  return (bytes / MIB).toFixed(0);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function readCount(name: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--${name} ${text} is no number above 0`);
  return count;
}

function pick<T extends string>(name: string, text: string, known: readonly T[]): readonly T[] {
  const wanted = text.split(",");
  const unknown = wanted.filter((one) => !(known as readonly string[]).includes(one));
  if (unknown.length > 0)
    throw new Error(`--${name} ${unknown.join(",")} is unknown; there are ${known.join(", ")}`);
  return known.filter((one) => wanted.includes(one));
}
