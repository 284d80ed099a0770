import { describeFate, fateOf } from "../fate.ts";
import { atPath, type Finding } from "../finding.ts";
import type { HostsContext } from "./hosts-context.ts";

/** Directories where people put registry configuration, while containerd is told to look elsewhere. */
export function checkUnreadRoots(
  { intents, ruling, view }: HostsContext,
  told: readonly Finding[],
): readonly Finding[] {
  const { config, configFile, sources } = view;
  const configFiles = new Set([configFile, ...sources.map(({ path }) => path)]);
  const isExplained = told.some(
    ({ code, severity, where }) =>
      code === "config-path-elsewhere" ||
      (severity === "error" && where.kind === "file" && configFiles.has(where.at.file)),
  );
  if (isExplained || !config.criLoads.ok || config.roots.length === 0) return [];
  const roots = view.roots.filter(({ standing }) => standing === "usual").map(({ tree }) => tree.root);
  return roots.flatMap((root): readonly Finding[] => {
    const missed = intents.filter((intent) => intent.root === root && intent.differences.length > 0);
    const ruled = new Set(ruling.map(({ namespace }) => namespace));
    const lost = missed.find(({ namespace }) => !ruled.has(namespace)) ?? missed[0];
    if (lost === undefined) return [];
    return [
      {
        code: "root-not-read",
        severity: ruled.has(lost.namespace) ? "warning" : "error",
        where: atPath(root),
        fact: `config_path is ${config.roots.join(":")}, so containerd does not look into ${root}, which has hosts of ${missed.length} ${missed.length === 1 ? "registry" : "registries"}`,
        consequence: describeFate(fateOf(lost.namespace, view)),
        fix: `move its directories to ${config.roots[0]}, or set config_path = "${root}" in ${configFile} and restart containerd`,
      },
    ];
  });
}
