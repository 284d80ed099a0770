import { type RestoreResult, restore as restoreNode } from "../agent/restore.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import type { NodeDeps } from "./node-deps.ts";

/** `restore`: puts the node back as it was before mirrorlet ever wrote; files that are not ours stay. */
export async function restore(
  options: { readonly noRestart: boolean },
  io: CommandIo,
  deps: NodeDeps,
): Promise<ExitCode> {
  const lock = deps.acquireLock();
  if ("heldBy" in lock) {
    io.stderr(
      `mirrorlet: ${lock.heldBy} would put everything back at once: stop it first (systemctl stop mirrorlet)\n`,
    );
    return 1;
  }
  try {
    const context = deps.createContext({
      sources: [],
      adopt: false,
      mayRestart: !options.noRestart,
      retryQuarantined: true,
    });
    const result = await restoreNode(context);
    if (io.json) printJson(io, "restore", result);
    else printResult(result, context.config.containerd.restart.join(" "), io);
    return result.ok ? 0 : 1;
  } finally {
    lock.release();
  }
}

function printResult(result: RestoreResult, restart: string, io: CommandIo): void {
  for (const line of result.done) io.stdout(`${line}\n`);
  if (!result.ok) io.stderr(`mirrorlet: ${result.message}\n`);
  else if (result.restartNeeded)
    io.stdout(`restored; containerd still runs on what was there: restart it now (${restart})\n`);
  else io.stdout(result.done.length === 0 ? "nothing to restore\n" : "restored\n");
}
