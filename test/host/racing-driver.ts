// A process of its own that edits the file argv[2] again and again, each edit on top of what it finds there, until it is
// ended by a line on stdin: `rename` or `in-place` (argv[3]). Says how many edits were made, and how many are gone.

import { closeSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

const [path = "", how = ""] = process.argv.slice(2);
const EDIT = /^# site (\d+)$/m;
let isOver = false;
process.stdin.once("data", () => {
  isOver = true;
});
let edits = 0;
let lost = 0;
process.stdout.write("\n");
while (!isOver) {
  const text = readFileSync(path, "utf8");
  if (!text.includes(`# site ${edits}\n`) && (await isGone())) lost += 1;
  else {
    edits += 1;
    write(text.replace(EDIT, `# site ${edits}`));
    await setTimeout(Math.random() * 60);
  }
}
process.stdout.write(JSON.stringify({ edits, lost }));
process.stdin.destroy();

/** What was exchanged may be on its way back. */
async function isGone(): Promise<boolean> {
  for (let look = 0; look < 20; look += 1) {
    if (readFileSync(path, "utf8").includes(`# site ${edits}\n`)) return false;
    await setTimeout(10);
  }
  // From here on as if it had been there.
  edits = Number(EDIT.exec(readFileSync(path, "utf8"))?.[1]);
  return true;
}

function write(text: string): void {
  if (how === "rename") {
    writeFileSync(`${path}.site`, text);
    renameSync(`${path}.site`, path);
    return;
  }
  const descriptor = openSync(path, "w");
  writeSync(descriptor, text.slice(0, 20));
  writeSync(descriptor, text.slice(20));
  closeSync(descriptor);
}
