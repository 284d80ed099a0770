import { plainText } from "../core/plain-text.ts";
import { createBundleProgress } from "./bundle-progress.ts";
import { type ExitCode, INTERRUPTED, printJson } from "./command.ts";
import { tellDumpFailures } from "./dump-failures.ts";
import { dumpJson } from "./dump-json.ts";
import { dumpPlanText } from "./dump-plan-text.ts";
import type { DumpWork } from "./write-dump.ts";

/** Shows what a dump would fetch: manifests are asked for, and nothing is written. */
export async function planOnly({ names, open, io, deps }: DumpWork): Promise<ExitCode> {
  const progress = createBundleProgress("looking up", "images", io.stderr, deps);
  const session = open(progress.tellWait);
  try {
    const gathered = await session.plan(names, progress.count).finally(progress.end);
    const { plan, failures } = gathered;
    if (io.json) {
      const failed = failures.map(({ name, error }) => ({ name, reason: deps.explain(error) }));
      const newBytes = plan.blobs.reduce((sum, { size }) => sum + size, 0);
      printJson(io, "dump-plan", { ...dumpJson(gathered), newBytes, failed });
    } else if (gathered.images.length > 0) io.stdout(dumpPlanText(gathered, io.columns));
    return failures.length === 0 ? 0 : tellDumpFailures(failures, io, deps);
  } catch (error) {
    io.stderr(`mirrorlet: ${plainText(deps.explain(error))}\n`);
    const interrupt = session.interrupt();
    if (interrupt !== undefined) return INTERRUPTED[interrupt];
    return deps.isUnreachable(error) ? 2 : 1;
  } finally {
    session.close();
  }
}
