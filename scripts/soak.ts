// The run; scripts/soak sets the machine up and starts this.
import { randomInt } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { judgeSoak } from "./lib/soak/judge-soak.ts";
import { reportSoak } from "./lib/soak/report-soak.ts";
import { runSoak, type SoakRecord } from "./lib/soak/run-soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    seed: { type: "string" },
    containerd: { type: "string", default: "1.6" },
    report: { type: "string" },
    record: { type: "string" },
    judge: { type: "string" },
  },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? randomInt(2 ** 32 - 1) : Number(values.seed);
const { containerd } = values;
const say = (text: string): void => void process.stderr.write(`soak: ${text}\n`);
if (!(minutes > 0) || !Number.isInteger(seed)) misused("--minutes and --seed are numbers");
const record = values.judge === undefined ? await run() : await readRecord(values.judge);
const checks = judgeSoak(record);
const machine = `Node ${process.version} on ${cpus().length} cores.`;
const report = reportSoak(record, checks, machine);
process.stdout.write(report);
if (values.report !== undefined) await writeFile(values.report, report);
if (values.record !== undefined) await writeFile(values.record, JSON.stringify(record));
process.exit(checks.some(({ wrong }) => wrong.length > 0) ? 1 : 0);

async function run(): Promise<SoakRecord> {
  if (containerd !== "1.6" && containerd !== "2.1") misused("--containerd is 1.6 or 2.1");
  say(`${minutes} minutes, seed ${seed}`);
  const { record } = values;
  const keep = async (soFar: SoakRecord): Promise<void> => {
    if (record !== undefined) await writeFile(record, JSON.stringify(soFar));
  };
  return runSoak({ minutes, seed, containerd, say, keep });
}

async function readRecord(path: string): Promise<SoakRecord> {
  const record = JSON.parse(await readFile(path, "utf8")) as SoakRecord;
  // JSON has no infinity: what had not ended.
  const happenings = record.happenings.map((each) => ({
    ...each,
    toMs: each.toMs ?? Number.POSITIVE_INFINITY,
  }));
  return { ...record, happenings };
}

function misused(why: string): never {
  say(why);
  process.exit(64);
}
