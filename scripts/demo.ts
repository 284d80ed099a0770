// The demo proper; scripts/demo sets the machine up and starts this with its decisions as arguments.

import { type Generation, generations } from "../test/support/containerd.ts";
import { labSkipReason } from "../test/support/lab-parts.ts";
import { createScreen } from "./lib/demo/screen.ts";
import { showPulls } from "./lib/demo/show-pulls.ts";
import { showTree } from "./lib/demo/show-tree.ts";
import { createUndo, type Undo } from "./lib/demo/undo.ts";

const [generation = "", preparedSeconds = "0", given = ""] = process.argv.slice(2);
if (!generations.includes(generation as Generation)) throw new Error(`no containerd ${generation} here`);

const screen = createScreen(process.stdout);
const undo = createUndo();
endOnSignals(undo);
try {
  const reason = given === "" ? labSkipReason() : given;
  if (reason === undefined) await showPulls(generation as Generation, Number(preparedSeconds), screen, undo);
  else await showTree(reason, screen, undo);
} catch (error) {
  process.exitCode = 1;
  process.stderr.write(`\ndemo: it failed here: ${error instanceof Error ? error.stack : String(error)}\n`);
} finally {
  await undo.all();
}

function endOnSignals(toUndo: Undo): void {
  // The reader has seen enough, as `head` does.
  process.stdout.on("error", () => void toUndo.all().then(() => process.exit(1)));
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.once(signal, async () => {
      process.stderr.write("\ndemo: ending, and cleaning up\n");
      await toUndo.all();
      process.exit(code);
    });
  }
}
