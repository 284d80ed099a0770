// The measurements; scripts/bench-feed sets the machine up and starts this.
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { leaseDirectory } from "../test/support/leased-directory.ts";
import { describeMachine } from "./lib/bench/describe-machine.ts";
import { ENGINE_LATENCY_HEAD, measureEngineLatency } from "./lib/bench/feed/measure-engine-latency.ts";
import { FAN_OUT_HEAD, measureFanOut } from "./lib/bench/feed/measure-fan-out.ts";
import { measureRollout, ROLLOUT_HEAD } from "./lib/bench/feed/measure-rollout.ts";
import { measureStorm, STORM_HEAD } from "./lib/bench/feed/measure-storm.ts";

const { values } = parseArgs({
  options: {
    agents: { type: "string" },
    storm: { type: "string" },
    "engine-latency": { type: "string" },
    rollout: { type: "string" },
  },
});

const ALL = {
  agents: "1000,5000,10000",
  storm: "10000",
  "engine-latency": "10000",
  rollout: "1000",
} as const;
const MEASUREMENTS = {
  agents: { head: FAN_OUT_HEAD, measure: measureFanOut },
  storm: { head: STORM_HEAD, measure: measureStorm },
  "engine-latency": { head: ENGINE_LATENCY_HEAD, measure: measureEngineLatency },
  rollout: { head: ROLLOUT_HEAD, measure: measureRollout },
} as const;

const asked = Object.keys(values).length === 0 ? ALL : values;
const lease = await leaseDirectory("bench");
try {
  process.stdout.write(`${await describeMachine(lease.path)}\n`);
  for (const [name, counts] of Object.entries(asked)) {
    const { head, measure } = MEASUREMENTS[name as keyof typeof MEASUREMENTS];
    process.stdout.write(`\n${head}\n`);
    for (const count of counts.split(",").map(Number)) {
      if (!Number.isInteger(count) || count < 1)
        throw new Error(`--${name} ${counts}: numbers of nodes, such as 1000,5000`);
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
