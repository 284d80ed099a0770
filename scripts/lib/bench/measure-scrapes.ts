import { rm } from "node:fs/promises";
import { Agent } from "node:http";
import { join } from "node:path";
import { findFreePort } from "../../../test/support/free-port.ts";
import { startBareServer } from "./bare-server.ts";
import { formatMs } from "./measure-writes.ts";
import { quantile } from "./median.ts";
import { createNode, desiredState, isApplied } from "./node.ts";
import { cpuSeconds } from "./process-cpu.ts";
import { scrape, scrapeLoad } from "./scrape-load.ts";

interface Rate {
  readonly perSecond: number;
  readonly seconds: number;
  readonly rounds: number;
}

/** `/metrics` of an agent with many registries, by turns with a bare server that returns the same bytes. */
export async function measureScrapes(parent: string, count: number, rate: Rate): Promise<readonly string[]> {
  const directory = join(parent, "scrapes");
  const address = `127.0.0.1:${await findFreePort()}`;
  const node = await createNode(directory, { address, evidence: QUIET });
  await node.writeDesiredState(desiredState(count));
  const agent = await node.start();
  try {
    await agent.waitFor(isApplied, 0, 120_000);
    // It looks at its own change once more.
    await new Promise((resolve) => setTimeout(resolve, 5000));
    return await compareWithBare(directory, `http://${address}/metrics`, agent.pid, {
      ...rate,
      name: `${count.toLocaleString("en")} registries`,
    });
  } finally {
    await agent.stop();
    await rm(directory, { recursive: true });
  }
}

async function compareWithBare(
  directory: string,
  url: string,
  pid: number,
  rate: Rate & { readonly name: string },
): Promise<readonly string[]> {
  const agent = new Agent();
  const page = await scrape(url, agent);
  if (page.status !== 200) throw new Error(`${url} answers ${page.status}`);
  const bare = await startBareServer(directory, page);
  const ours = { url, pid, latenciesMs: [], failed: 0, cpu: 0 };
  const theirs = { url: bare.url, pid: bare.pid, latenciesMs: [], failed: 0, cpu: 0 };
  try {
    for (let round = 0; round < rate.rounds; round++)
      for (const served of [ours, theirs]) await load(served, rate);
  } finally {
    await bare.stop();
  }
  return report(rate.name, page.body.length, ours, theirs, rate);
}

/** Nothing on a timer may fall into one turn and not into the other. */
const QUIET = `traces = false
witness = false
canary_interval = "24h"
probe_interval = "24h"
`;

interface Served {
  readonly url: string;
  readonly pid: number;
  readonly latenciesMs: number[];
  failed: number;
  cpu: number;
}

async function load(served: Served, { perSecond, seconds }: Rate): Promise<void> {
  const before = cpuSeconds(served.pid);
  const { latenciesMs, failed } = await scrapeLoad(served.url, perSecond, seconds);
  served.cpu += cpuSeconds(served.pid) - before;
  served.latenciesMs.push(...latenciesMs);
  served.failed += failed;
}

function report(
  name: string,
  bytes: number,
  ours: Served,
  theirs: Served,
  { perSecond, seconds, rounds }: Rate,
): readonly string[] {
  const what = `/metrics, ${name}, ${perSecond} scrapes/s, ${(bytes / 1024).toFixed(0)} KiB on the wire`;
  const compare = (part: string, of: (served: Served) => number, format: (value: number) => string) => {
    const [left, right] = [of(ours), of(theirs)];
    return `| ${what}, ${part} | ${format(left)} | ${format(right)} | ${(left / right).toFixed(2)} | |`;
  };
  const share = ({ cpu }: Served): number => cpu / (seconds * rounds);
  const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
  const failed = ours.failed + theirs.failed;
  return [
    compare("median", ({ latenciesMs }) => quantile(latenciesMs, 0.5), formatMs),
    compare("99 %", ({ latenciesMs }) => quantile(latenciesMs, 0.99), formatMs),
    compare("CPU", share, percent),
    ...(failed === 0 ? [] : [`| ${what}, failed | ${ours.failed} | ${theirs.failed} | | 0 |`]),
  ];
}
