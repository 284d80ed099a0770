import { plainText } from "../core/plain-text.ts";
import type { BundleProgress } from "./bundle-progress.ts";
import { type ExitCode, printJson } from "./command.ts";
import { tellDumpFailures } from "./dump-failures.ts";
import { dumpJson } from "./dump-json.ts";
import { dumpPlanText } from "./dump-plan-text.ts";
import { codeOfFailure, type DumpWork, gatherDump } from "./write-dump.ts";

/** Shows what a dump would fetch: manifests are asked for, and nothing is written. */
export async function planOnly(work: DumpWork): Promise<ExitCode> {
  const { open, io, deps } = work;
  let progress: BundleProgress | undefined;
  const session = open((line) => progress?.tellWait(line));
  try {
    const gathered = await gatherDump(work, session, (next) => {
      progress = next;
    });
    const { plan, failures } = gathered;
    if (io.json) {
      const failed = failures.map(({ name, error }) => ({ name, reason: deps.explain(error) }));
      const newBytes = plan.blobs.reduce((sum, { size }) => sum + size, 0);
      printJson(io, "dump-plan", { ...dumpJson(gathered), newBytes, failed });
    } else if (gathered.images.length > 0) io.stdout(dumpPlanText(gathered, io.columns));
    return failures.length === 0 ? 0 : tellDumpFailures(failures, io, deps);
  } catch (error) {
    io.stderr(`mirrorlet: ${plainText(deps.explain(error))}\n`);
    return codeOfFailure(error, session, deps);
  } finally {
    session.close();
  }
}
