// The measurements; scripts/bench-evidence sets the machine up and starts this.
import { realpath } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type Generation, generations } from "../test/support/containerd.ts";
import { leaseDirectory } from "../test/support/leased-directory.ts";
import { describeMachine } from "./lib/bench/describe-machine.ts";
import { measureObserving } from "./lib/bench/measure-observing.ts";
import { measurePulls } from "./lib/bench/measure-pulls.ts";
import { measureScrapes } from "./lib/bench/measure-scrapes.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { directory: { type: "string", default: "/var/tmp" }, runs: { type: "string" } },
});
// Where temporary directories are made, and what the daemons inherit.
process.env["TMPDIR"] = await realpath(values.directory);

const runs = (usual: number): number => Number(values.runs ?? usual);
const ROWS: Readonly<Record<string, (parent: string, of: string) => Promise<readonly string[]>>> = {
  pull: (_parent, of) => measurePulls(generationOf(of), runs(40)),
  observe: (_parent, of) => measureObserving(generationOf(of), runs(40)),
  scrape: (parent, of) =>
    measureScrapes(parent, Number(of), { perSecond: 100, seconds: 10, rounds: runs(3) }),
};
const ALL = [
  ...generations.map((generation) => `pull ${generation}`),
  ...generations.map((generation) => `observe ${generation}`),
  "scrape 1000",
].join(", ");

const lease = await leaseDirectory("bench");
try {
  const rows: string[] = [];
  for (const row of (positionals.join(" ") || ALL).split(", ")) {
    process.stderr.write(`bench-evidence: ${row}\n`);
    const [name = "", of = ""] = row.split(" ");
    const measure = ROWS[name];
    if (measure === undefined) throw new Error(`no row ${name}: ${Object.keys(ROWS).join(", ")}`);
    rows.push(...(await measure(lease.path, of)));
  }
  process.stdout.write(`${await describeMachine(lease.path)}\n
| what | with evidence | without, or bare | ratio | aim |
|---|---|---|---|---|
${rows.join("\n")}
`);
} finally {
  await lease.release();
}

function generationOf(text: string): Generation {
  const found = generations.find((generation) => generation === text);
  if (found === undefined) throw new Error(`no containerd ${text} in the lab: ${generations.join(", ")}`);
  return found;
}
