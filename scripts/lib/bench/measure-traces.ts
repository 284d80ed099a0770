import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { nobody } from "../../../test/support/client-as-nobody.ts";
import { encodeExport, readExports } from "../../../test/support/otlp.ts";
import { median } from "./median.ts";

interface Report {
  readonly address: string;
  readonly cpuMs: number;
  readonly rss: number;
  readonly maxRss: number;
  readonly requests: number;
  readonly pulls: number;
  readonly spans: number;
  readonly cutShort: number;
  readonly exports: Readonly<Record<string, number>>;
}

interface ReceiverProcess {
  report(): Promise<Report>;
  stop(): Promise<void>;
}

/** One pull: 17 spans, 8 of them requests, as containerd 2.1 sends them. */
const pull = readExports("2.1-mixed")
  .flat()
  .filter(({ name }) => !name?.includes("ListImages"));
const REQUESTS = pull.filter(({ name }) => name?.startsWith("remotes.docker.")).length;
const PULLS_PER_EXPORT = Math.floor(512 / pull.length);

/** So many spans a second, in exports as full as containerd's; counts must come out exact. Rows of a Markdown table. */
export async function measureTraces(spansPerSecond: number, seconds: number): Promise<readonly string[]> {
  const receiver = await startReceiver();
  try {
    const before = await receiver.report();
    const sent = await sendSteadily(before.address, spansPerSecond, seconds);
    const after = await settled(receiver, sent.pulls);
    const lost = sent.pulls * REQUESTS - after.requests;
    const cpuMs = after.cpuMs - before.cpuMs;
    const perThousand = (cpuMs / after.requests) * 1000;
    const share = (cpuMs / (seconds * 1000)) * 100;
    return [
      `| spans taken, ${seconds} s long | ${Math.round(sent.spans / sent.seconds).toLocaleString("en")} /s | ${after.requests.toLocaleString("en")} requests in ${after.pulls.toLocaleString("en")} pulls, ${lost} lost |`,
      `| CPU for 1,000 requests observed | ${perThousand.toFixed(1)} ms | ${share.toFixed(0)} % of a core at this rate |`,
      `| memory of the process, before and at most | ${mib(before.rss)} and ${mib(after.maxRss)} MiB | |`,
      `| time to take an export of ${PULLS_PER_EXPORT * pull.length} spans, median and longest | ${sent.medianMs.toFixed(1)} and ${sent.longestMs.toFixed(0)} ms | |`,
    ];
  } finally {
    await receiver.stop();
  }
}

/** Another user sends what it can, for so long; meanwhile root exports and asks /livez once a second. */
export async function measureFlood(seconds: number): Promise<readonly string[]> {
  const receiver = await startReceiver();
  const { address, rss } = await receiver.report();
  const port = Number(new URL(`http://${address}`).port);
  const flooders = Array.from({ length: 2 }, () => startFlooder(port));
  try {
    const waits: number[] = [];
    let served = 0;
    for (let second = 0; second < seconds; second++) {
      const startMs = performance.now();
      served += (await post(address, body(), false)) === 200 ? 1 : 0;
      served += (await get(address, "/livez")) === 200 ? 1 : 0;
      waits.push(performance.now() - startMs);
      await sleep(1000);
    }
    const { maxRss, exports } = await receiver.report();
    const refused = exports["forbidden"] ?? 0;
    return [
      `| flood by another user, ${seconds} s: refused | ${Math.round(refused / seconds).toLocaleString("en")} /s | root was served ${served} of ${2 * seconds} times, in ${median(waits).toFixed(0)} ms each, ${Math.max(...waits).toFixed(0)} at most |`,
      `| memory of the process, before and at most | ${mib(rss)} and ${mib(maxRss)} MiB | |`,
    ];
  } finally {
    for (const flooder of flooders) flooder.kill("SIGKILL");
    await receiver.stop();
  }
}

async function startReceiver(): Promise<ReceiverProcess> {
  const script = join(import.meta.dirname, "receive-traces.ts");
  const child = spawn(process.execPath, ["--import", "tsx", script], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  await once(lines, "line");
  return { report: () => ask(child, lines), stop: () => end(child) };
}

async function ask(child: ChildProcess, lines: Interface): Promise<Report> {
  const answered = once(lines, "line");
  child.stdin?.write("\n");
  const [line] = (await answered) as [string];
  return JSON.parse(line) as Report;
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.stdin?.end();
  await ended;
}

async function settled(receiver: ReceiverProcess, pulls: number): Promise<Report> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const report = await receiver.report();
    if (report.pulls >= pulls) return report;
    await sleep(100);
  }
  return receiver.report();
}

const template = encodeExport(pull.map((span) => ({ ...span, traceId: new Uint8Array(16).fill(0xaa) })));
const placeholder = Buffer.alloc(16, 0xaa);

/** Messages of a repeated field may simply follow each other. */
function body(pulls = PULLS_PER_EXPORT): Buffer {
  return Buffer.concat(Array.from({ length: pulls }, withOwnTrace));
}

function withOwnTrace(): Buffer {
  const bytes = Buffer.from(template);
  const id = randomBytes(16);
  for (let at = bytes.indexOf(placeholder); at !== -1; at = bytes.indexOf(placeholder, at + 16))
    id.copy(bytes, at);
  return bytes;
}

async function sendSteadily(address: string, spansPerSecond: number, seconds: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const startMs = performance.now();
  const took: number[] = [];
  const [perExport, total] = [PULLS_PER_EXPORT * pull.length, spansPerSecond * seconds];
  let spans = 0;
  while (spans < total) {
    const exportMs = performance.now();
    const status = await post(address, body(), agent);
    if (status !== 200) throw new Error(`an export was answered ${status}`);
    took.push(performance.now() - exportMs);
    spans += perExport;
    await sleep(startMs + (spans / spansPerSecond) * 1000 - performance.now());
  }
  agent.destroy();
  return {
    spans,
    pulls: took.length * PULLS_PER_EXPORT,
    seconds: (performance.now() - startMs) / 1000,
    medianMs: median(took),
    longestMs: took.reduce((most, ms) => Math.max(most, ms)),
  };
}

async function post(address: string, content: Buffer, agent: Agent | false): Promise<number | undefined> {
  const headers = { "content-type": "application/x-protobuf", "content-length": content.length };
  return send(request(`http://${address}/v1/traces`, { method: "POST", headers, agent }), content);
}

function get(address: string, path: string): Promise<number | undefined> {
  return send(request(`http://${address}${path}`, { agent: false }), undefined);
}

/** The status; undefined when there was no answer within ten seconds. */
function send(sent: ReturnType<typeof request>, content: Buffer | undefined): Promise<number | undefined> {
  return new Promise((resolve) => {
    sent.setTimeout(10_000, () => sent.destroy());
    sent.on("error", () => resolve(undefined));
    sent.on("response", (response) => {
      response.resume().on("end", () => resolve(response.statusCode));
    });
    sent.end(content);
  });
}

/** Keeps a hundred connections busy with bodies of a megabyte. */
function startFlooder(port: number): ChildProcess {
  const program = `
    const { connect } = require("node:net");
    const head = "POST /v1/traces HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: application/x-protobuf\\r\\nContent-Length: 1000000\\r\\n\\r\\n";
    const body = Buffer.alloc(1000000, 10);
    const flood = () => {
      const socket = connect(${port}, "127.0.0.1", () => { socket.write(head); socket.write(body); });
      socket.on("error", () => {}).on("close", () => setTimeout(flood, 1)).resume();
    };
    for (let i = 0; i < 100; i++) flood();
  `;
  return spawn(process.execPath, ["-e", program], {
    uid: nobody,
    gid: nobody,
    cwd: "/",
    env: {},
    stdio: "ignore",
  });
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
