import type { ConfigFile } from "../../containerd/config/config-file.ts";
import { getNode } from "../../containerd/config/config-tree.ts";
import { criPlugins, feedingPlugins } from "../../containerd/config/cri-section.ts";
import { parseImageReference } from "../../containerd/image-reference.ts";
import { isLoopbackHost } from "../../containerd/loopback.ts";
import { encodeTomlPath } from "../../toml/encode-toml.ts";
import { ANY_OTHER, describeFate, fateOf, hasMirror } from "../fate.ts";
import { atFile, atPath, type Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { RESTART } from "./config-edit.ts";
import { namespacesInForce } from "./filled-directories.ts";

/** The image of every pod's sandbox: without it no pod starts. */
export function checkSandboxImage(view: NodeView): readonly Finding[] {
  const ignored = view.merged.files.flatMap((file) => checkIgnored(file, view));
  return [...ignored, ...checkUnmirrored(view)];
}

/** Each generation of the file has its own key for it. */
function checkIgnored(file: ConfigFile, view: NodeView): readonly Finding[] {
  const { traits, merged, config } = view;
  const readsOld = feedingPlugins(file.schema, merged.schema, traits).includes(criPlugins.grpc);
  const paths = traits.importsReplacePluginTables
    ? [criPlugins.grpc, criPlugins.images].map((plugin) => ["plugins", plugin, "pinned_images", "sandbox"])
    : [...(readsOld ? [] : [criPlugins.grpc]), criPlugins.images, "io.containerd.cri.v1.runtime"].map(
        (plugin) => ["plugins", plugin, "sandbox_image"],
      );
  const right = traits.importsReplacePluginTables
    ? `sandbox_image under [plugins."${criPlugins.grpc}"]`
    : `sandbox under [plugins."${criPlugins.images}".pinned_images]`;
  return paths.flatMap((path) => {
    const node = getNode(file.root, path);
    const { value } = config.settings.sandboxImage;
    if (node?.kind !== "value" || typeof node.value !== "string" || node.value === value) return [];
    const namespace = namespaceOf(value);
    return [
      {
        code: "sandbox-image-ignored" as const,
        severity: "warning" as const,
        where: atFile(node.at),
        fact: `${encodeTomlPath(path)} = ${JSON.stringify(node.value)} counts for nothing in containerd ${view.version.text}; sandboxes are made of ${value}`,
        consequence:
          namespace === undefined
            ? "no sandbox image can be pulled"
            : `every pod needs ${value}, and ${describeFate(fateOf(namespace, view))}`,
        fix: `write it as ${right} and ${RESTART}`,
      },
    ];
  });
}

/**
 * Mirrors for some registries and none for this one is how most nodes are. It is a fault where all mirrors, Docker
 * Hub's among them, exclude their upstreams: there somebody means nothing to be pulled from outside.
 */
function checkUnmirrored(view: NodeView): readonly Finding[] {
  const { value, at } = view.config.settings.sandboxImage;
  const namespace = namespaceOf(value);
  if (namespace === undefined || isLoopbackHost(namespace) || !isClosed(view)) return [];
  const fate = fateOf(namespace, view);
  if (hasMirror(fate) || fate.byTag?.directory !== undefined) return [];
  if (view.namespacesInUse?.includes(namespace) === true) return [];
  return [
    {
      code: "sandbox-image-unmirrored",
      severity: "warning",
      where: at === undefined ? atPath(view.configFile) : atFile(at),
      fact: `sandboxes are made of ${value}${at === undefined ? " (the default)" : ""}, and ${namespace} has no mirror, while those that have one exclude their upstream`,
      consequence: `unless it is on the node already no pod starts: ${describeFate(fate)}`,
      fix: `add ${namespace} to the mirrors, or name a sandbox image that a mirror has`,
    },
  ];
}

/** Several namespaces have mirrors, and ask mirrors alone. */
function isClosed(view: NodeView): boolean {
  const served = namespacesInForce(view)
    .map((namespace) => fateOf(namespace, view))
    .filter(hasMirror);
  return (
    served.length > 1 &&
    served.some(({ namespace }) => namespace === "docker.io") &&
    served.every(({ byTag }) =>
      byTag?.hosts.every(({ role, entry }) => role !== "upstream" && entry.host !== ANY_OTHER),
    )
  );
}

function namespaceOf(image: string): string | undefined {
  const parsed = parseImageReference(image);
  return parsed.ok ? parsed.reference.namespace : undefined;
}
