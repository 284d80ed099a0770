import { treeOfFiles } from "../containerd/host-tree.ts";
import { entryUrl } from "../containerd/hosts-toml/host-entry.ts";
import { parseImageReference } from "../containerd/image-reference.ts";
import { type Resolution, resolveImage } from "../containerd/resolve-image.ts";
import type { ContainerdVersion } from "../containerd/version.ts";
import type { RenderedRegistry } from "./render-registries.ts";
import { upstreamHost } from "./upstream.ts";

/**
 * Reads a rendered registry back the way the installed containerd will, and names what would not come out as
 * meant. Empty: the mirrors, all of them and no others, in their order, then the witness where there is one, then
 * the upstream or nothing.
 */
export function checkRendered(
  registry: RenderedRegistry,
  version: ContainerdVersion,
  certsD: string,
): readonly { readonly namespace: string; readonly reason: string }[] {
  const got = describe(resolve(registry, version, certsD), registry.mirrors.length);
  const wanted = [
    ...registry.mirrors.map(requestPrefix),
    ...(registry.witness === undefined ? [] : [`witness ${registry.witness}`]),
    ...upstreamOf(registry),
  ];
  if (got.length === wanted.length && got.every((line, index) => line === wanted[index])) return [];
  const reason = `containerd ${version.text} would not read back what was rendered (wanted ${wanted.join(", ")}; it reads ${got.join(", ")}): nothing is written for it. This is a fault in mirrorlet, please report it`;
  return [{ namespace: registry.namespace, reason }];
}

/** A host no mirror serves, for what `_default` catches. */
const OTHER_NAMESPACE = "any.other.registry.invalid";

function resolve(
  registry: RenderedRegistry,
  version: ContainerdVersion,
  certsD: string,
): Resolution | undefined {
  const namespace = registry.namespace === "*" ? OTHER_NAMESPACE : registry.namespace;
  // By digest, so that a mirror that serves digests only is among the hosts.
  const parsed = parseImageReference(`${namespace}/probe/image@sha256:${"0".repeat(64)}`);
  if (!parsed.ok) return undefined;
  const external = registry.externalFiles.map((path) => ({ path, bytes: PEM_STAND_IN }));
  return resolveImage({
    reference: parsed.reference,
    version,
    config: {
      configPath: certsD,
      roots: [certsD],
      pullMode: "local",
      criLoads: { ok: true },
      mirrors: [],
      configs: [],
    },
    tree: treeOfFiles([...registry.pemFiles, registry.hostsToml, ...external]),
  });
}

/** One line a host; what follows the mirrors is the witness, and the upstream by its name, whatever its scheme. */
function describe(resolution: Resolution | undefined, mirrors: number): readonly string[] {
  if (resolution === undefined) return ["an image reference it cannot parse"];
  if (resolution.dropped !== undefined) return [`a file it drops: ${resolution.dropped.reason}`];
  if (resolution.outcome.kind === "pull-fails") return [resolution.outcome.reason];
  return resolution.hosts.map(({ entry, role }, index) => {
    if (index < mirrors || role === "mirror") return entryUrl(entry);
    return role === "upstream" ? `upstream ${entry.host}` : `witness ${entryUrl(entry)}`;
  });
}

function upstreamOf({ namespace, upstream }: RenderedRegistry): readonly string[] {
  if (upstream === "never") return [];
  return [`upstream ${namespace === "*" ? OTHER_NAMESPACE : upstreamHost(namespace)}`];
}

/** containerd puts `/v2` behind a host without a path. */
function requestPrefix(mirror: string): string {
  return /^https?:\/\/[^/]+$/.test(mirror) ? `${mirror}/v2` : mirror;
}

/** Files of others that a migrated registry names are not ours to check here. */
const PEM_STAND_IN = new TextEncoder().encode(
  ["CERTIFICATE", "PRIVATE KEY"]
    .map((type) => `-----BEGIN ${type}-----\nMAA=\n-----END ${type}-----\n`)
    .join(""),
);
