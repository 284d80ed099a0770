// A process of its own, to be killed or failed at any system call: what a start of the agent does, once; or `restore`.
// argv[2] names a file that holds the Job; the report goes to stdout.

import { readFileSync } from "node:fs";
import { runPass } from "../../../src/agent/pass.ts";
import { sweepStrays } from "../../../src/agent/reconciler.ts";
import { restore } from "../../../src/agent/restore.ts";
import { driveNode, type Job } from "./driven-node.ts";

const job = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Job;
const { ports, config, context } = driveNode(job);
if (job.verb === undefined) await sweepStrays(ports, config).catch(() => undefined);
const report = await (job.verb === "restore" ? restore(context) : runPass(context));
process.stdout.write(JSON.stringify(report));
