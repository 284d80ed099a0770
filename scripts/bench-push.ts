import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startDockerRegistry } from "../test/support/docker-registry.ts";
import { type LabPart, labPart } from "../test/support/lab-parts.ts";
import { leaseDirectory } from "../test/support/leased-directory.ts";
import { describeMachine } from "./lib/bench/describe-machine.ts";
import { median } from "./lib/bench/median.ts";
import { countBytes } from "./lib/bench/push/count-bytes.ts";
import { type Measured, measureCommand } from "./lib/bench/push/measure-command.ts";
import { writeBenchBundle } from "./lib/bench/push/write-bench-bundle.ts";

const options = parseArgs({
  options: {
    runs: { type: "string", default: "3" },
    megabytes: { type: "string", default: "1500" },
    tools: { type: "string", default: "mirrorlet,skopeo,crane,oras" },
  },
}).values;
const runs = Number(options.runs);
const tools = options.tools.split(",") as readonly Tool[];
type Tool = "mirrorlet" | "skopeo" | "crane" | "oras";

const UNPACK = { tar: "cat", "tar.xz": "xz -T0 -dc", "tar.zst": "zstd -q -dc" } as const;
type Source = keyof typeof UNPACK;

/** crane takes layouts of one image: an index with the one of that name. */
const ONE_IMAGE = `${process.execPath} -e 'const [file, name] = process.argv.slice(1); const index = JSON.parse(require("fs").readFileSync(file)); index.manifests = index.manifests.filter((one) => one.annotations["org.opencontainers.image.ref.name"] === name); console.log(JSON.stringify(index))'`;

const lease = await leaseDirectory("bench-push");
const at = (name: string): string => join(lease.path, name);
const main = resolve("dist/main.js");
try {
  const { folder, names } = writeBenchBundle(at("layout"), Number(options.megabytes));
  const sh = (script: string): unknown => execFileSync("/bin/bash", ["-ec", script], { cwd: lease.path });
  sh(`tar -C ${folder} -cf bundle.tar . && xz -T0 -1 -k bundle.tar && zstd -q -T0 -3 bundle.tar`);
  rmSync(folder, { recursive: true });
  process.stdout.write(`${await describeMachine(lease.path)}; ${runs} runs\n
| source | tool | wall s | CPU s | memory MiB | extra disk MB | sent MB |
|---|---|---|---|---|---|---|\n`);
  for (const source of Object.keys(UNPACK) as readonly Source[]) {
    if (source !== "tar") await showFloor(source);
    for (const tool of tools) await showTool(source, tool, names);
  }
} finally {
  await lease.release();
}

async function showFloor(source: Source): Promise<void> {
  const all = await repeat(() =>
    measureCommand(`${UNPACK[source]} <${at(`bundle.${source}`)} >/dev/null`, env()),
  );
  show(source, `${UNPACK[source]} alone`, all, "", "");
}

async function showTool(source: Source, tool: Tool, names: readonly string[]): Promise<void> {
  const again: Measured[] = [];
  const all = await repeat(async () => {
    const registry = await startDockerRegistry({ kind: "none" });
    try {
      prepare();
      const script = await scriptFor(tool, source, new URL(registry.url).host, names);
      const measured = await measureCommand(script, env());
      if (tool === "mirrorlet") again.push(await measureCommand(script, env()));
      return measured;
    } finally {
      await registry.stop();
    }
  });
  const unpacks = tool === "skopeo" || tool === "crane" || (tool === "oras" && source !== "tar");
  show(source, tool, all, unpacks ? options.megabytes : "0", await sentBy(tool, source, names));
  if (again.length > 0) show(source, `${tool}, nothing to do`, again, "0", "");
}

/** In a run of its own, which is not measured. */
async function sentBy(tool: Tool, source: Source, names: readonly string[]): Promise<string> {
  const registry = await startDockerRegistry({ kind: "none" });
  const counter = await countBytes(Number(new URL(registry.url).port));
  try {
    prepare();
    await measureCommand(await scriptFor(tool, source, counter.host, names), env());
    return (counter.bytes() / 1e6).toFixed(0);
  } finally {
    counter.close();
    await registry.stop();
  }
}

async function repeat(measure: () => Promise<Measured>): Promise<readonly Measured[]> {
  const all: Measured[] = [];
  for (let run = 0; run < runs; run++) all.push(await measure());
  return all;
}

function show(source: Source, what: string, all: readonly Measured[], disk: string, sent: string): void {
  const seconds = (of: (one: Measured) => number): string => (median(all.map(of)) / 1000).toFixed(1);
  const memory = (median(all.map((one) => one.peakBytes)) / 2 ** 20).toFixed(0);
  const cells = [
    `.${source}`,
    what,
    seconds((one) => one.wallMs),
    seconds((one) => one.cpuMs),
    memory,
    disk,
    sent,
  ];
  process.stdout.write(`| ${cells.join(" | ")} |\n`);
}

/** As on a machine where nothing was pushed before. */
function prepare(): void {
  for (const name of ["home", "unpacked"]) {
    rmSync(at(name), { recursive: true, force: true });
    mkdirSync(at(name));
  }
}

function env(): Readonly<Record<string, string>> {
  return { PATH: "/usr/bin:/bin", HOME: at("home"), TMPDIR: lease.path };
}

async function scriptFor(
  tool: Tool,
  source: Source,
  host: string,
  names: readonly string[],
): Promise<string> {
  const file = at(`bundle.${source}`);
  const unpacked = at("unpacked");
  const unpack = `${UNPACK[source]} <${file} | tar -x -C ${unpacked}`;
  const each = (command: string): string => `for name in ${names.join(" ")}; do ${command}; done`;
  switch (tool) {
    case "mirrorlet":
      return `${process.execPath} ${main} push ${file} --to ${host}/bench --plain-http`;
    case "skopeo":
      return `${unpack}\n${each(
        `${await program("skopeo")} --insecure-policy copy -q --all --preserve-digests --dest-tls-verify=false oci:${unpacked}:$name docker://${host}/bench/$name:1`,
      )}`;
    case "oras": {
      const layout = source === "tar" ? file : unpacked;
      const copy = `${await program("oras")} cp -r --no-tty --from-oci-layout ${layout}:$name --to-plain-http ${host}/bench/$name:1`;
      return `${source === "tar" ? "" : unpack}\n${each(copy)}`;
    }
    case "crane":
      return `${unpack}\n${each(
        `mkdir ${unpacked}/$name; ln -s ../blobs ${unpacked}/$name/blobs; cp ${unpacked}/oci-layout ${unpacked}/$name; ${ONE_IMAGE} ${unpacked}/index.json $name >${unpacked}/$name/index.json; ${await program("crane")} push --insecure ${unpacked}/$name ${host}/bench/$name:1`,
      )}`;
    default:
      return tool satisfies never;
  }
}

async function program(part: LabPart): Promise<string> {
  const bin = await labPart(part);
  return `env LD_LIBRARY_PATH=${join(bin, "../lib")} ${join(bin, part)}`;
}
