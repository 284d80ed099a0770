import { HostError } from "../agent/ports.ts";
import type { CommandIo, ExitCode } from "../cli/command.ts";
import { readVersion } from "../cli/read-version.ts";
import { composeNode, type NodeSetup } from "./compose-node.ts";
import { type AgentRun, runAgent } from "./run-agent.ts";

/** A pass under way may restart containerd and wait for it; after that long something hangs. */
const stopTimeoutMs = 90_000;

/**
 * Runs the daemon until SIGTERM or SIGINT, and ends in order; a second signal ends at once. SIGHUP asks for a
 * pass. An address that cannot be bound, or another agent on this node, is 78 and 1: a restart would not help.
 */
export async function serveAgent(setup: NodeSetup, io: CommandIo): Promise<ExitCode> {
  const deps = composeNode(setup, true);
  const lock = deps.acquireLock();
  if ("heldBy" in lock) {
    io.stderr(`mirrorlet: ${lock.heldBy} is at work on this node: only one may write it\n`);
    return 1;
  }
  // From now on: a SIGHUP before there is anything to reload would end the process, and the first pass reads all anyway.
  let run: AgentRun | undefined;
  process.on("SIGHUP", () => run?.reload());
  try {
    run = await runAgent(setup, deps, readVersion());
    return await untilSignal(run, setup);
  } catch (error) {
    if (!(error instanceof HostError) || !error.code.startsWith("address-")) throw error;
    io.stderr(`mirrorlet: ${error.message}\n`);
    return 78;
  } finally {
    lock.release();
  }
}

async function untilSignal(run: AgentRun, { log }: NodeSetup): Promise<ExitCode> {
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  for (const again of ["SIGTERM", "SIGINT"] as const) process.once(again, () => process.exit(1));
  log.info({ signal }, "stopping");
  const timer = setTimeout(() => {
    log.error({}, "the pass under way does not end: leaving it, the next start takes it up");
    process.exit(1);
  }, stopTimeoutMs);
  await run.stop();
  clearTimeout(timer);
  return 0;
}
