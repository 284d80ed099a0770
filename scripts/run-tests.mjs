// Runs every test file, or those whose path contains one of the arguments: node --import tsx scripts/run-tests.mjs [PART…]
// Node 20 has neither type stripping nor test globs, and `node --test` takes files by name: the longest would be last,
// and nodes would boot beside nodes.
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
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => abort.abort());
const events = run({ files: spread(names), concurrency: LANES, timeout: LIMIT_MS, signal: abort.signal });
events.on("test:fail", () => {
  process.exitCode = 1;
});
for (const kind of ["test:pass", "test:fail"])
  events.on(kind, ({ file, nesting, details }) => {
    if (nesting === 0 && file !== undefined) took.set(file, (took.get(file) ?? 0) + details.duration_ms);
  });
events.once("end", () => {
  const slowest = [...took].sort(([, a], [, b]) => b - a).slice(0, SLOWEST);
  const lines = slowest.map(([file, ms]) => `${(ms / 1000).toFixed(1).padStart(8)} s  ${file}`);
  process.once("exit", () =>
    console.log(`\nslowest files, the tests of each added up:\n${lines.join("\n")}`),
  );
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

function rank(file) {
  const at = LONG.findIndex((start) => file.startsWith(start));
  return at === -1 ? LONG.length : at;
}
