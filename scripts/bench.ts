// The measurements; scripts/bench sets the machine up and starts this.
import { realpath } from "node:fs/promises";
import { parseArgs } from "node:util";
import { leaseDirectory } from "../test/support/leased-directory.ts";
import { describeMachine } from "./lib/bench/describe-machine.ts";
import { measureIdle } from "./lib/bench/measure-idle.ts";
import { measureOneChange, measureStart, measureWrites } from "./lib/bench/measure-writes.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    directory: { type: "string", default: "/var/tmp" },
    runs: { type: "string" },
    profile: { type: "string" },
  },
});
// Where temporary directories are made, and what the agent inherits.
process.env["TMPDIR"] = await realpath(values.directory);
if (values.profile !== undefined)
  process.env["AGENT_NODE_OPTIONS"] = `--cpu-prof --cpu-prof-dir=${await realpath(values.profile)}`;

const runs = (usual: number): number => Number(values.runs ?? usual);
const ROWS: Readonly<Record<string, (parent: string, count: number) => Promise<readonly string[]>>> = {
  write: async (parent, count) => [await measureWrites(parent, count, runs(5))],
  change: async (parent, count) => [await measureOneChange(parent, count, runs(11))],
  start: async (parent, count) => [await measureStart(parent, count, runs(5))],
  idle: (parent, count) => measureIdle(parent, count, 30),
};
const ALL = "write 1, write 100, write 1000, change 1000, start 1, start 1000, idle 1000";

const lease = await leaseDirectory("bench");
try {
  const rows: string[] = [];
  for (const row of (positionals.join(" ") || ALL).split(", ")) {
    process.stderr.write(`bench: ${row}\n`);
    const [name = "", count] = row.split(" ");
    const measure = ROWS[name];
    if (measure === undefined) throw new Error(`no row ${name}: ${Object.keys(ROWS).join(", ")}`);
    rows.push(...(await measure(lease.path, Number(count ?? 1000))));
  }
  process.stdout.write(`${await describeMachine(lease.path)}\n
| what | mirrorlet | bare | ratio | aim |
|---|---|---|---|---|
${rows.join("\n")}
`);
} finally {
  await lease.release();
}
