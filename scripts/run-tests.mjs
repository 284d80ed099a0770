// Runs every test file, or those whose path contains one of the arguments, each in a process of its own, with node:test
// through tsx. Node 20 has neither type stripping nor test globs, and its runner takes files in the order of their names:
// the longest ones would be last, and nodes would boot beside nodes.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";

// Most tests wait for daemons half of their time.
const LANES = availableParallelism() + 1;
// No file takes a third of this; one that hangs must not take the whole run with it.
const LIMIT_MS = process.env["MIRRORLET_SWEEP"] === "full" ? 5_400_000 : 900_000;
/** What takes longest, first. */
const ORDER = ["test/e2e/node/", "test/support/booted-node", "test/e2e/crash/", "test/e2e/"];
/** A booted node is a dozen of processes that start at once. */
const BOOTS = /^test\/(e2e\/node\/|support\/booted-node)/;
const MOST_NODES = 2;
const SLOWEST = 20;

const wanted = process.argv.slice(2);
const files = readdirSync("test", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => `test/${name}`)
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
if (files.length === 0) {
  console.error(`no test file matches: ${wanted.join(" ") || "test/**/*.test.ts"}`);
  process.exit(1);
}

const started = Date.now();
const waiting = [...files];
const done = [];
const running = new Set();
let booting = 0;
for (const signal of ["SIGINT", "SIGTERM"])
  process.once(signal, () => {
    waiting.length = 0;
    for (const child of running) child.kill(signal);
  });
await Promise.all(Array.from({ length: Math.min(LANES, files.length) }, lane));
report();

async function lane() {
  for (let file = take(); file !== undefined; file = take()) {
    const boots = BOOTS.test(file);
    if (boots) booting++;
    const result = await run(file);
    if (boots) booting--;
    done.push(result);
    console.log(`\n${file} (${seconds(result.ms)})\n${result.output.trimEnd()}`);
  }
}

/** With enough nodes up, a lane takes something else; when only nodes are left, the others go on with them. */
function take() {
  const at = waiting.findIndex((file) => booting < MOST_NODES || !BOOTS.test(file));
  return at === -1 ? undefined : waiting.splice(at, 1)[0];
}

function run(file) {
  return new Promise((resolve) => {
    const begun = Date.now();
    const child = spawn(process.execPath, ["--import", "tsx", "--test-reporter=spec", file], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    const limit = setTimeout(() => {
      output += `\nstill running after ${seconds(LIMIT_MS)}, ended\n`;
      child.kill("SIGTERM");
      setTimeout(() => child.kill("SIGKILL"), 10_000).unref();
    }, LIMIT_MS);
    running.add(child);
    // Not `close`: what a test left running may hold the pipes open.
    child.once("exit", (code, signal) => {
      clearTimeout(limit);
      running.delete(child);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ file, ms: Date.now() - begun, output, ok: code === 0, status: signal ?? code });
    });
  });
}

function report() {
  const failed = done.filter(({ ok }) => !ok);
  for (const { file, output, status } of failed) {
    const at = output.indexOf("failing tests:");
    console.log(`\nFAILED ${file} (${status})\n${at === -1 ? output.slice(-4000) : output.slice(at)}`);
  }
  const slowest = [...done].sort((a, b) => b.ms - a.ms).slice(0, SLOWEST);
  console.log(
    `\nslowest:\n${slowest.map(({ file, ms }) => `${seconds(ms).padStart(8)}  ${file}`).join("\n")}`,
  );
  const sum = (what) =>
    done.reduce(
      (total, { output }) => total + Number(output.match(new RegExp(`^\\S+ ${what} (\\d+)$`, "m"))?.[1] ?? 0),
      0,
    );
  console.log(
    `\n${done.length} files in ${seconds(Date.now() - started)}: ${["tests", "pass", "fail", "cancelled", "skipped"].map((what) => `${what} ${sum(what)}`).join(", ")}; ${failed.length} files failed`,
  );
  process.exit(failed.length === 0 ? 0 : 1);
}

function rank(file) {
  const at = ORDER.findIndex((start) => file.startsWith(start));
  return at === -1 ? ORDER.length : at;
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}
