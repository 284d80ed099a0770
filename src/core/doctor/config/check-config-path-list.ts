import { describeFates } from "../describe-fates.ts";
import type { Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { placeOfConfigPath, setConfigPath } from "./config-edit.ts";
import { intendedAt } from "./filled-directories.ts";

/** What becomes of a list. `explained`: another finding says already why the default is in force. */
export function checkConfigPathList(view: NodeView, explained: boolean): readonly Finding[] {
  const { configPath, pullMode } = view.config;
  if (!configPath.includes(":")) return [];
  if (pullMode === "transfer") return checkUnsplit(view, explained);
  return checkFragile(view);
}

function checkUnsplit(view: NodeView, explained: boolean): readonly Finding[] {
  const { configPath, configPathWritten, roots } = view.config;
  const isDefault = configPathWritten?.value !== configPath;
  const parts = intendedAt(view, "split");
  // A directory of that very name is read; nobody has one.
  if (view.roots.some(({ tree }) => tree.root === roots[0] && tree.exists)) return [];
  // Nobody is harmed by a default that reads nothing where there is nothing.
  if (isDefault && (explained || parts.length === 0)) return [];
  const [part = configPath.split(":")[0] ?? ""] = parts.map(({ root }) => root.tree.root);
  const others = parts.filter(({ root }) => root.tree.root !== part).map(({ directory }) => directory);
  const move = others.length === 0 ? "" : `move ${others.join(", ")} into ${part}, `;
  return [
    {
      code: "config-path-list",
      severity: parts.length === 0 ? "warning" : "error",
      where: placeOfConfigPath(view),
      fact: isDefault
        ? `config_path is not set, and the default of containerd ${view.version.text}, ${configPath}, is taken for the name of one directory`
        : `containerd ${view.version.text} takes config_path = ${JSON.stringify(configPath)} for the name of one directory`,
      consequence:
        parts.length === 0
          ? "no hosts.toml that is put into these directories will be read"
          : `no hosts.toml is read: ${describeFates(
              parts.map(({ namespace }) => namespace),
              view,
            )}`,
      fix: `${move}${setConfigPath(part, view)}`,
    },
  ];
}

function checkFragile(view: NodeView): readonly Finding[] {
  const { localPullReasons, configPath } = view.config;
  const [reason] = localPullReasons;
  const read = intendedAt(view, "in-force");
  if (!view.traits.transferService || reason === undefined || read.length === 0) return [];
  const where = reason.at === undefined ? "" : ` (${reason.at.file}:${reason.at.line})`;
  const others = localPullReasons.length === 1 ? "" : ` and ${localPullReasons.length - 1} more`;
  const first = configPath.split(":")[0] ?? "";
  const [part = first] = read.map(({ root }) => root.tree.root);
  return [
    {
      code: "config-path-list-fragile",
      severity: "warning",
      where: placeOfConfigPath(view),
      fact: `config_path = ${JSON.stringify(configPath)} is split only because ${reason.setting}${where}${others} makes containerd ${view.version.text} pull locally`,
      consequence:
        "without that setting pulls go through the transfer service, which takes the list for the name of one directory: then every pull goes straight to its own registry",
      fix: setConfigPath(part, view),
    },
  ];
}
