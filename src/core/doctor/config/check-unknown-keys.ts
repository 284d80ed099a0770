import { findUnknownKeys, type UnknownKey } from "../../containerd/config/find-unknown-keys.ts";
import { suggest } from "../../desired-state/text.ts";
import { encodeTomlKey, encodeTomlPath } from "../../toml/encode-toml.ts";
import { describeFates } from "../describe-fates.ts";
import { fateOf, hasMirror } from "../fate.ts";
import { atFile, type Finding, type Severity } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { RESTART } from "./config-edit.ts";
import { intendedAt } from "./filled-directories.ts";

/** Keys of the registry settings that are misspelt, or of hosts.toml. */
export function checkUnknownKeys(view: NodeView): readonly Finding[] {
  return findUnknownKeys(view.merged.cri, view.traits).map((unknown) => describeUnknown(unknown, view));
}

function describeUnknown(unknown: UnknownKey, view: NodeView): Finding {
  const { table, key, at, known } = unknown;
  const meant = guess(key, known);
  const unserved = namespacesOf(unknown, meant, view).filter(
    (namespace) => !hasMirror(fateOf(namespace, view)),
  );
  const severity: Severity = unserved.length > 0 ? "error" : meant === undefined ? "info" : "warning";
  return {
    code: "config-key-unknown",
    severity,
    where: atFile(at),
    fact: `containerd ${view.version.text} knows no ${encodeTomlKey(key)} in ${encodeTomlPath(table)}, only ${known.join(", ")}`,
    consequence: unserved.length > 0 ? describeFates(unserved, view) : "the key has no effect",
    fix: `${meant === undefined ? "remove it" : `write ${meant}`} and ${RESTART}`,
  };
}

function guess(key: string, known: readonly string[]): string | undefined {
  const plain = key.toLowerCase().replace(/[-_.]/g, "");
  return known.find((candidate) => candidate.replace(/_/g, "") === plain) ?? suggest(key, known);
}

/** Whose pulls the key was to decide about. */
function namespacesOf({ table }: UnknownKey, meant: string | undefined, view: NodeView): readonly string[] {
  if (table[1] === "mirrors" && table[2] !== undefined && meant === "endpoint") return [table[2]];
  if (meant !== "config_path") return [];
  return intendedAt(view, "usual", "split", "named").map(({ namespace }) => namespace);
}
