import { chooseSection } from "../../containerd/config/choose-section.ts";
import type { ConfigFile } from "../../containerd/config/config-file.ts";
import { getNode } from "../../containerd/config/config-tree.ts";
import { criPlugins } from "../../containerd/config/cri-section.ts";
import { findMisplaced, type MisplacedSetting } from "../../containerd/config/find-misplaced.ts";
import { entryUrl } from "../../containerd/hosts-toml/host-entry.ts";
import type { IgnoredSection } from "../../containerd/registry-config.ts";
import { encodeTomlPath } from "../../toml/encode-toml.ts";
import { fateOf } from "../fate.ts";
import { atFile, type Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { RESTART, registryHeader } from "./config-edit.ts";
import { namespacesInForce } from "./filled-directories.ts";
import { judgeLoss } from "./lost-registry.ts";

/** Registry settings that are written, and that this containerd does not look at. */
export function checkIgnored(view: NodeView): readonly Finding[] {
  const { ignored } = view.config;
  return [
    ...ignored.filter(({ cause }) => cause === "unread").flatMap((section) => checkUnread(section, view)),
    ...findMisplaced(view.merged, view.traits).flatMap((setting) => checkMisplaced(setting, view)),
    ...ignored.filter(({ cause }) => cause === "tls").flatMap((section) => checkTls(section, view)),
  ];
}

function checkUnread(section: IgnoredSection, view: NodeView): readonly Finding[] {
  const loss = judgeLoss(section.content, view);
  if (loss === undefined) return [];
  return [
    {
      code: "config-section-ignored",
      severity: loss.severity,
      where: atFile(section.at),
      fact: `[${section.section}] with ${loss.what} counts for nothing in containerd ${view.version.text}: ${section.reason}`,
      consequence: loss.consequence,
      fix: `${fixUnread(section, view)} and ${RESTART}`,
    },
  ];
}

function fixUnread({ at, section }: IgnoredSection, { merged, traits }: NodeView): string {
  const file = merged.files.find(({ path }) => path === at.file);
  if (file === undefined) return "move it to the section in force";
  if (traits.importsReplacePluginTables && merged.schema < 2) return writeVersion(file);
  if (!traits.migratesEachFile && file.schema < 2 && !section.includes(criPlugins.images)) {
    const full = `[${encodeTomlPath(["plugins", criPlugins.grpc, "registry"])}]`;
    return `${writeVersion(file)}${section.includes(criPlugins.grpc) ? "" : ` and this table as ${full}`}`;
  }
  const newer = merged.files.find(({ schema }) => schema >= 3);
  if (!traits.migratesEachFile && file.schema < 3 && newer !== undefined && newer !== file)
    return `give ${newer.path} \`version = 2\` and its sections too, or bring ${at.file} to version 3 with \`containerd config migrate\``;
  return `write it as [${encodeTomlPath(chooseSection(file, merged.schema, traits))}]`;
}

function writeVersion({ path, root }: ConfigFile): string {
  const version = getNode(root, ["version"], true);
  return version === undefined
    ? `write \`version = 2\` at the top of ${path}`
    : `set version = 2 in line ${version.at.line} of ${path}`;
}

function checkMisplaced({ path, at, node }: MisplacedSetting, view: NodeView): readonly Finding[] {
  const loss = judgeLoss(node, view);
  if (loss === undefined) return [];
  const isTransfer = path.includes("io.containerd.transfer.v1.local");
  const nobody = isTransfer
    ? "the transfer service reads this key and never uses it: pulls over CRI take CRI's"
    : "no plugin of containerd reads it there";
  return [
    {
      code: "config-path-misplaced",
      severity: loss.severity,
      where: atFile(at),
      fact: `${encodeTomlPath(path)} says ${loss.what}, but ${nobody}${lacksQuotes(path) ? " (the plugin's name needs quotes)" : ""}`,
      consequence: loss.consequence,
      fix: `move it under ${registryHeader(view)} and ${RESTART}`,
    },
  ];
}

function lacksQuotes(path: readonly string[]): boolean {
  return path[0] === "plugins" && path[1] === "io";
}

/** Only 1.x has TLS settings in config.toml. It matters most where they are for a host that pulls ask. */
function checkTls({ section, at, content }: IgnoredSection, view: NodeView): readonly Finding[] {
  const host = /"([^"]+)"/.exec(section)?.[1] ?? section.split(".")[2] ?? "";
  const isEmpty = content.kind === "table" && content.entries.size === 0;
  if (isEmpty) return [];
  const asked = askedHosts(view).get(host);
  return [
    {
      code: "legacy-tls-ignored",
      severity: asked === "unsettled" ? "error" : "warning",
      where: atFile(at),
      fact: `[${section}] counts for nothing in containerd ${view.version.text}, which has no TLS settings in config.toml`,
      consequence:
        asked === undefined
          ? `no pull asks ${host} now; one that does will trust the system's certificates alone`
          : asked === "settled"
            ? `pulls from ${host} take the TLS settings of its hosts.toml`
            : `pulls from https://${host} trust the system's certificates alone: with any other authority the host fails and the next one is asked`,
      fix: `put ca, client or skip_verify under that host in hosts.toml below a config_path, remove this table and ${RESTART}`,
    },
  ];
}

/** https hosts of all configured namespaces, and whether hosts.toml has TLS settings for each. */
function askedHosts(view: NodeView): ReadonlyMap<string, "settled" | "unsettled"> {
  const hosts = new Map<string, "settled" | "unsettled">();
  for (const namespace of namespacesInForce(view))
    for (const { entry } of fateOf(namespace, view).byTag?.hosts ?? []) {
      if (!entryUrl(entry).startsWith("https://")) continue;
      const isSettled =
        entry.ca !== undefined || entry.client !== undefined || entry.skipVerify !== undefined;
      if (hosts.get(entry.host) !== "unsettled") hosts.set(entry.host, isSettled ? "settled" : "unsettled");
    }
  return hosts;
}
