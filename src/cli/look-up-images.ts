import { createBundleProgress } from "./bundle-progress.ts";
import type { DumpSession, GatheredDump } from "./dump-deps.ts";
import type { DumpWork } from "./write-dump.ts";

/** Fetches all manifests of a dump, and shows how far that is: of hundreds of images it takes a while. */
export async function lookUpImages(
  session: DumpSession,
  names: readonly string[],
  { io, deps }: Pick<DumpWork, "io" | "deps">,
): Promise<GatheredDump> {
  const progress = createBundleProgress("looking up", "images", io.stderr, deps);
  try {
    return await session.plan(names, progress.count);
  } finally {
    progress.end();
  }
}
