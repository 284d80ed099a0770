import { type ConfigSource, getTable } from "../../containerd/config/config-file.ts";
import { criPlugins } from "../../containerd/config/cri-section.ts";
import { registryTablesIn } from "../../containerd/config/find-misplaced.ts";
import { findReplaced, type LostValue } from "../../containerd/config/find-replaced.ts";
import { encodeTomlPath } from "../../toml/encode-toml.ts";
import { atFile, type Finding, type Severity } from "../finding.ts";
import { listSome } from "../list-some.ts";
import type { NodeView } from "../node-view.ts";
import { RESTART } from "./config-edit.ts";
import { judgeLoss } from "./lost-registry.ts";

/** Drop-ins that take away what other files say, and drop-ins that nothing imports. */
export function checkImports(view: NodeView): readonly Finding[] {
  return [
    ...checkReplaced(view),
    ...checkMixedVersions(view),
    ...view.dropIns.strays.flatMap((stray) => checkStray(stray, view)),
  ];
}

/** Settings whose loss is felt, with the values that are nothing to lose. `registry` is judged by its effect. */
const FELT: Readonly<Record<string, readonly unknown[]>> = {
  SystemdCgroup: [false],
  sandbox_image: [],
  snapshotter: ["", "overlayfs"],
  default_runtime_name: ["", "runc"],
  discard_unpacked_layers: [false],
  image_pull_progress_timeout: [],
  bin_dir: ["/opt/cni/bin"],
  conf_dir: ["/etc/cni/net.d"],
};

function checkReplaced(view: NodeView): readonly Finding[] {
  return findReplaced(view.merged, view.traits).flatMap(({ plugin, file, table, by, byTable, lost }) => {
    const registry = table.entries.get("registry");
    const loss = registry && judgeLoss(registry, view);
    const felt = lost.filter((value) => isFelt(value, view)).map(({ path }) => encodeTomlPath(path));
    if (loss === undefined && felt.length === 0) return [];
    const severity: Severity = loss?.severity ?? "warning";
    const what = [...(loss === undefined ? [] : [loss.what]), ...felt];
    return [
      {
        code: "import-replaces-cri" as const,
        severity,
        where: atFile(byTable.at),
        fact: `containerd ${view.version.text} takes the whole [${encodeTomlPath(["plugins", plugin])}] of ${by.path} and drops that of ${file.path} (line ${table.at.line}): ${listSome(what)}`,
        consequence: [
          ...(loss === undefined ? ["pulls go where they went"] : [loss.consequence]),
          ...(felt.length === 0
            ? []
            : [`${listSome(felt)} ${felt.length === 1 ? "is" : "are"} back at the default, for pods too`]),
        ].join("; "),
        fix: `move the CRI settings of ${by.path} into ${file.path}, remove them there and ${RESTART}`,
      },
    ];
  });
}

function isFelt({ path, value }: LostValue, { traits }: NodeView): boolean {
  const harmless = FELT[path.at(-1) ?? ""];
  return harmless !== undefined && !harmless.includes(value) && value !== traits.defaultSandboxImage;
}

/** 2.0 to 2.2 migrate once, by the version of the last file: version 2 sections beside a version 3 file are lost. */
function checkMixedVersions(view: NodeView): readonly Finding[] {
  const { merged, traits } = view;
  if (traits.importsReplacePluginTables || traits.migratesEachFile || merged.schema < 3) return [];
  const newer = merged.files.findLast(({ schema }) => schema >= 3);
  return merged.files.flatMap((file) => {
    const cri = file.schema < 3 ? getTable(file, ["plugins", criPlugins.grpc], traits) : undefined;
    if (cri === undefined || newer === undefined) return [];
    // With registry settings in it, the section has its finding as one that is ignored.
    if (cri.entries.has("registry") || cri.entries.size === 0) return [];
    const keys = [...cri.entries.keys()];
    return [
      {
        code: "import-replaces-cri" as const,
        severity: "warning" as const,
        where: atFile(cri.at),
        fact: `${newer.path} has version ${newer.schema}, so containerd ${view.version.text} does not look at [${encodeTomlPath(["plugins", criPlugins.grpc])}] of ${file.path}: ${listSome(keys)}`,
        consequence: `pulls go where they went; ${listSome(keys)} ${keys.length === 1 ? "is" : "are"} back at the default, for pods too`,
        fix: `give ${newer.path} \`version = 2\` and its sections too, or bring ${file.path} to version 3 with \`containerd config migrate\`, and ${RESTART}`,
      },
    ];
  });
}

function checkStray(stray: ConfigSource, view: NodeView): readonly Finding[] {
  return registryTablesIn(stray, view.traits).flatMap((registry) => {
    const loss = judgeLoss(registry, view);
    if (loss === undefined) return [];
    const directory = stray.path.slice(0, stray.path.lastIndexOf("/"));
    return [
      {
        code: "drop-in-not-imported" as const,
        severity: loss.severity,
        where: atFile(registry.at),
        fact: `${stray.path} says ${loss.what}, and \`imports\` of ${view.configFile} does not name it`,
        consequence: loss.consequence,
        fix: view.traits.importsReplacePluginTables
          ? `move its settings into ${view.configFile} and ${RESTART}: imported, its section would replace that of ${view.configFile} whole`
          : `write imports = ["${directory}/*.toml"] at the top of ${view.configFile} and ${RESTART}`,
      },
    ];
  });
}
