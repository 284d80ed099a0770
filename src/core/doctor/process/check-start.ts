import { atPath, type Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { andMore, compareFates } from "./compare-fates.ts";
import type { ProcessView } from "./process-view.ts";

/** A configuration file with registries that this process was not started with. */
export function checkStart(view: NodeView, process: ProcessView): readonly Finding[] {
  const { unreadConfig } = process;
  if (unreadConfig === undefined) return [];
  const { path, config, chosen } = unreadConfig;
  const difference = compareFates(view, { ...view, config });
  // A leftover without registries, or with the same ones, misleads nobody.
  const names = config.configPathWritten !== undefined || config.mirrors.length > 0;
  if (!chosen && (!names || difference === undefined)) return [];
  return [
    {
      code: "config-not-read",
      severity: chosen ? "error" : "warning",
      where: atPath(path),
      fact: `containerd (pid ${process.pid}) was started with --config ${view.configFile}${chosen ? `, and mirrorlet is told to look after ${path}` : ""}`,
      consequence:
        difference === undefined
          ? `what stands in ${path} changes nothing for pulls`
          : `${path} counts for nothing: ${difference.here}${andMore(difference.more)}`,
      fix: chosen
        ? `set containerd.config = "${view.configFile}" in agent.toml, or start containerd with --config ${path}`
        : `make the change in ${view.configFile}, then ${process.restart}`,
    },
  ];
}
