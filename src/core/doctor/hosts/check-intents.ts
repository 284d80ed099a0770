import { describeFate, fateOf, nameNamespace } from "../fate.ts";
import { atFile, type Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import type { Difference } from "./compare-intent.ts";
import { explainsMiss } from "./explaining.ts";
import type { HostsContext } from "./hosts-context.ts";
import type { Intent } from "./intent.ts";
import { showWritten } from "./meant-url.ts";

/**
 * The net below all other checks: where pulls differ from what a file evidently means and nothing in `told` says why,
 * this says that they do.
 */
export function checkIntents(context: HostsContext, told: readonly Finding[]): readonly Finding[] {
  const { intents, view } = context;
  return intents.flatMap((intent): readonly Finding[] => {
    const [difference] = intent.differences;
    if (difference === undefined || isExplained(intent, told, view)) return [];
    return [
      {
        code: "mirror-not-used",
        severity: "error",
        where: atFile(difference.kind === "pull-fails" ? intent.at : difference.host.at),
        fact: describeDifference(difference, intent),
        consequence: describeFate(fateOf(intent.namespace, view)),
        fix: `compare with \`mirrorlet explain ${exampleImage(intent.namespace)}\`, which shows what containerd ${view.version.text} reads, and mend ${intent.at.file}`,
      },
    ];
  });
}

/** Told at the file, its directory or its root; or config.toml has an error that keeps these from being read. */
function isExplained(intent: Intent, told: readonly Finding[], view: NodeView): boolean {
  const { config, configFile, sources } = view;
  const places = new Set([intent.at.file, intent.directory, intent.root]);
  const isUnread = !config.criLoads.ok || intent.standing !== "in-force";
  return told.some((finding) => {
    if (finding.where.kind !== "file") return false;
    const { file, line } = finding.where.at;
    const isOfConfig = file === configFile || sources.some(({ path }) => path === file);
    if (isOfConfig && isUnread && finding.severity === "error") return true;
    // config.toml has more than one registry.
    return places.has(file) && explainsMiss(finding) && (!isOfConfig || line === intent.at.line);
  });
}

function describeDifference(difference: Difference, { namespace }: Intent): string {
  const name = nameNamespace(namespace);
  if (difference.kind === "pull-fails")
    return `mirrors of ${name} are named here, and no pull of it can succeed`;
  const host = showWritten(difference.host.written);
  switch (difference.kind) {
    case "never-asked":
      return `${host} is named for ${name} and is never asked`;
    case "other-url":
      return `${host} is named for ${name} and is asked at ${difference.asked}`;
    case "after-upstream":
      return `${host} is named for ${name} and is asked only after ${difference.upstream}`;
    case "other-order":
      return `${host} is named for ${name} in front of ${showWritten(difference.before)} and is asked after it`;
    case "not-closed":
      return `server names ${host} in place of the registry itself, and ${difference.upstream} is asked all the same`;
  }
}

function exampleImage(namespace: string): string {
  return `${namespace === "*" ? "registry.example" : namespace}/repository:tag`;
}
