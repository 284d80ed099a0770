import { restore as restoreNode } from "../agent/restore.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import type { NodeDeps } from "./node-deps.ts";

/** `restore`: puts the node back as it was before mirrorlet ever wrote; files that are not ours stay. */
export async function restore(io: CommandIo, deps: NodeDeps): Promise<ExitCode> {
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
      mayRestart: true,
      retryQuarantined: true,
    });
    const result = await restoreNode(context);
    if (io.json) printJson(io, "restore", result);
    else {
      for (const line of result.done) io.stdout(`${line}\n`);
      if (result.ok) io.stdout(result.done.length === 0 ? "nothing to restore\n" : "restored\n");
      else io.stderr(`mirrorlet: ${result.message}\n`);
    }
    return result.ok ? 0 : 1;
  } finally {
    lock.release();
  }
}
