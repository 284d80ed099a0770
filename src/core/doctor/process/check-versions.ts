import { mergeConfig } from "../../containerd/config/merge-config.ts";
import { describeRegistryConfig } from "../../containerd/registry-config.ts";
import { type ContainerdVersion, traitsOf } from "../../containerd/version.ts";
import type { Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { andMore, compareFates } from "./compare-fates.ts";
import type { ProcessView } from "./process-view.ts";

/** A package was upgraded and the daemon was not restarted: the next restart brings another reading of the files. */
export function checkVersions(view: NodeView, process: ProcessView): readonly Finding[] {
  const { version, installed } = process;
  if (version === undefined || installed === undefined || isSame(version, installed)) return [];
  const difference = compareFates(withVersion(view, version), withVersion(view, installed));
  return [
    {
      code: "version-not-running",
      severity: difference === undefined ? "info" : "warning",
      where: { kind: "process", pid: process.pid, what: "version" },
      fact: `containerd ${version.text} runs, and ${installed.text} is installed`,
      consequence:
        difference === undefined
          ? "both read these files in the same way: pulls go on as they do"
          : `now ${difference.here}; after the next restart ${difference.there}${andMore(difference.more)}`,
      fix:
        difference === undefined
          ? process.restart
          : `look at what the new one makes of the files (mirrorlet doctor --containerd-version ${installed.text}), then ${process.restart}`,
    },
  ];
}

/** The same files as another release reads them. */
export function withVersion(view: NodeView, version: ContainerdVersion): NodeView {
  const traits = traitsOf(version);
  const merged = mergeConfig(view.sources, traits);
  return { ...view, version, traits, merged, config: describeRegistryConfig(merged, traits) };
}

function isSame(a: ContainerdVersion, b: ContainerdVersion): boolean {
  return a.major === b.major && a.minor === b.minor && a.patch === b.patch;
}
