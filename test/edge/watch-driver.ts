// Watches argv[2] while somebody writes in the directory argv[3], and prints how many touches that made.
import { renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { watchDesiredState } from "../../src/edge/watch-desired-state.ts";

const [path = "", directory = ""] = process.argv.slice(2);
const log = { debug() {}, info() {}, warn() {}, error() {} };
let touches = 0;
const watch = watchDesiredState({ path, root: "", log }, () => {
  touches++;
});
await watch.ready;
writeFileSync(`${directory}/begins`, "");
for (let round = 0; round < 50; round++) {
  for (let i = 0; i < 20; i++) {
    writeFileSync(`${directory}/.other`, "x");
    renameSync(`${directory}/.other`, `${directory}/other-${i}`);
  }
  await sleep(10);
}
process.stdout.write(`${touches}`);
await watch.close();
