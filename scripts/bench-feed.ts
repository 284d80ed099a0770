// The measurements; scripts/bench-feed sets the machine up and starts this.
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { leaseDirectory } from "../test/support/leased-directory.ts";
import { describeMachine } from "./lib/bench/describe-machine.ts";
import { FAN_OUT_HEAD, measureFanOut } from "./lib/bench/feed/measure-fan-out.ts";

const { values } = parseArgs({
  options: { agents: { type: "string" } },
});

const MEASUREMENTS = [{ counts: values.agents, head: FAN_OUT_HEAD, measure: measureFanOut }] as const;

const asked = MEASUREMENTS.filter(({ counts }) => counts !== undefined);
const lease = await leaseDirectory("bench");
try {
  process.stdout.write(`${await describeMachine(lease.path)}\n`);
  for (const { counts = "", head, measure } of asked) {
    process.stdout.write(`\n${head}\n`);
    for (const count of counts.split(",").map(Number)) {
      process.stdout.write(`${await measure(lease.path, count)}\n`);
      process.stderr.write(
        `bench-feed: the machine's load is ${loadavg()
          .map((one) => one.toFixed(1))
          .join(" ")}\n`,
      );
    }
  }
} finally {
  await lease.release();
}
