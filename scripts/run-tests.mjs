// Runs every test file, or those whose path contains one of the arguments, with node:test through tsx.
// Node 20 has neither type stripping nor test globs, and `tsx --test` finds nothing and succeeds.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";

const wanted = process.argv.slice(2);
const files = readdirSync("test", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => `test/${name}`)
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches: ${wanted.join(" ") || "test/**/*.test.ts"}`);
  process.exit(1);
}
const run = spawnSync(
  process.execPath,
  [
    "--import",
    "tsx",
    "--test",
    "--test-reporter=spec",
    // No file takes a third of this; one that hangs must not take the whole run with it.
    "--test-timeout=900000",
    "--test-concurrency=2",
    ...files,
  ],
  { stdio: "inherit" },
);
process.exit(run.status ?? 1);
