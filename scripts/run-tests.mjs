// Runs every test file, or those whose path contains one of the arguments: node --import tsx scripts/run-tests.mjs [PART…]
// Node 20 has neither type stripping nor test globs, and `node --test` takes files by name: the longest would be last,
// and nodes would boot beside nodes.
import { setMaxListeners } from "node:events";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { run } from "node:test";
import { spec } from "node:test/reporters";

// Most tests wait for daemons half of their time.
const LANES = availableParallelism() + 1;
// No file takes a third of this; one that hangs must not take the whole run with it.
const LIMIT_MS = process.env["MIRRORLET_SWEEP"] === "full" ? 5_400_000 : 900_000;
/** A booted node is a dozen of processes that start at once. */
const BOOTS = /^test\/(e2e\/(node|fleet)\/|support\/booted-node)/;
/** What takes longest besides, the longest first. */
const LONG = ["test/e2e/crash/", "test/fleet/controller/", "test/e2e/", "test/docs/"];
const SLOWEST = 20;

const wanted = process.argv.slice(2);
const names = readdirSync("test", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => `test/${name}`)
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
if (names.length === 0) {
  console.error(`no test file matches: ${wanted.join(" ") || "test/**/*.test.ts"}`);
  process.exit(1);
}

const took = new Map();
const abort = new AbortController();
// Each file listens to it.
setMaxListeners(0, abort.signal);
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => abort.abort());
const events = run({ files: spread(names), concurrency: LANES, timeout: LIMIT_MS, signal: abort.signal });
const failed = [];
events.on("test:fail", ({ name, file, details }) => {
  process.exitCode = 1;
  // Of a test with tests in it, theirs say more.
  if (details.error?.failureType !== "subtestsFailed") failed.push({ name, file, error: details.error });
});
for (const kind of ["test:pass", "test:fail"])
  events.on(kind, ({ file, nesting, details }) => {
    if (nesting === 0 && file !== undefined) took.set(file, (took.get(file) ?? 0) + details.duration_ms);
  });
events.once("end", () => {
  const slowest = [...took].sort(([, a], [, b]) => b - a).slice(0, SLOWEST);
  const lines = slowest.map(([file, ms]) => `${(ms / 1000).toFixed(1).padStart(8)} s  ${file}`);
  process.once("exit", () => {
    console.log(`\nslowest files, the tests of each added up:\n${lines.join("\n")}`);
    for (const one of failed) console.log(`\nfailed: ${inShort(one)}`);
  });
});
events.compose(spec).pipe(process.stdout);

/** Every second one boots nodes, so that they are not all booted at once. */
function spread(files) {
  const booting = files.filter((file) => BOOTS.test(file));
  const others = files.filter((file) => !BOOTS.test(file));
  return others
    .flatMap((file, at) => [booting[at], file].filter(Boolean))
    .concat(booting.slice(others.length));
}

/** Last of all, where whoever sees but the end of a long output sees it. */
function inShort({ name, file, error }) {
  const words = String(error?.cause?.message ?? error?.message ?? error);
  const middle = words.length > 1_200 ? `${words.slice(0, 600)}\n  …\n${words.slice(-600)}` : words;
  return `${name}\n  ${file}\n  ${middle.replaceAll("\n", "\n  ")}`;
}

function rank(file) {
  const at = LONG.findIndex((start) => file.startsWith(start));
  return at === -1 ? LONG.length : at;
}
