// The measurements; scripts/bench-traces builds what is measured and starts this.
import { describeMachine } from "./lib/bench/describe-machine.ts";
import { measureFlood, measureTraces } from "./lib/bench/measure-traces.ts";

const [spansPerSecond = "10000", seconds = "60"] = process.argv.slice(2);
const note = (text: string): void => void process.stderr.write(`bench-traces: ${text}\n`);

note(`${spansPerSecond} spans a second for ${seconds} s`);
const rows = [...(await measureTraces(Number(spansPerSecond), Number(seconds)))];
if (process.getuid?.() === 0) {
  note("a flood of another user for 20 s");
  rows.push(...(await measureFlood(20)));
} else note("no flood: becoming another user needs root");
process.stdout.write(`${await describeMachine(".")}

| what | measured | |
|---|---|---|
${rows.join("\n")}
`);
