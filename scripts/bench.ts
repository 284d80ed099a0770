// The measurements; scripts/bench sets the machine up and starts this.
import { leaseDirectory } from "../test/support/leased-directory.ts";
import { describeMachine } from "./lib/bench/describe-machine.ts";
import { measureIdle } from "./lib/bench/measure-idle.ts";
import { measureOneChange, measureStart, measureWrites } from "./lib/bench/measure-writes.ts";

const lease = await leaseDirectory("bench");
const note = (text: string): void => void process.stderr.write(`bench: ${text}\n`);
try {
  const rows: string[] = [];
  for (const count of [1, 100, 1000]) {
    note(`writing ${count}`);
    rows.push(await measureWrites(lease.path, count, 5));
  }
  note("one change among 1,000");
  rows.push(await measureOneChange(lease.path, 1000, 11));
  for (const count of [1, 1000]) {
    note(`start with ${count}`);
    rows.push(await measureStart(lease.path, count, 5));
  }
  note("idle for 30 s");
  rows.push(...(await measureIdle(lease.path, 1000, 30)));
  process.stdout.write(`${await describeMachine(lease.path)}\n
| what | mirrorlet | bare | ratio | aim |
|---|---|---|---|---|
${rows.join("\n")}
`);
} finally {
  await lease.release();
}
