import { openBundle } from "../bundle/read/open-bundle.ts";
import { verifyBundle } from "../bundle/read/verify-bundle.ts";
import type { BundleDeps } from "../cli/bundle-commands.ts";

/** Bundles are the user's own files: `--root` is not put before them. */
export function bundleDeps(): BundleDeps {
  const { stdin, stderr } = process;
  return {
    async open(source, onProgress) {
      const opened = await openBundle(source, { stdin, hashAll: false, onProgress });
      return { ...opened, problems: opened.bundle.problems };
    },
    verify: (source, onProgress) => verifyBundle(source, { stdin, onProgress }),
    now: () => performance.now(),
    progressColumns: stderr.isTTY === true ? (stderr.columns ?? 80) : undefined,
  };
}
