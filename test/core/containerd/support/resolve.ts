import assert from "node:assert/strict";
import { type HostTree, treeOfFiles } from "../../../../src/core/containerd/host-tree.ts";
import { type ImageReference, parseImageReference } from "../../../../src/core/containerd/image-reference.ts";
import {
  type Resolution,
  type ResolutionConfig,
  resolveImage,
} from "../../../../src/core/containerd/resolve-image.ts";
import { version } from "./versions.ts";

export const CERTS_D = "/etc/containerd/certs.d";

export const PLACE = { file: "/etc/containerd/config.toml", line: 1, column: 1 };

export function reference(text: string): ImageReference {
  const parsed = parseImageReference(text);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  return parsed.reference;
}

export function certsD(...roots: readonly string[]): ResolutionConfig {
  const used = roots.length === 0 ? [CERTS_D] : roots;
  return {
    configPath: used.join(":"),
    roots: used,
    pullMode: "local",
    criLoads: { ok: true },
    mirrors: [],
    configs: [],
  };
}

/** Files below certs.d by relative name; a name ending in `/` is an empty directory. */
export function certsTree(files: Readonly<Record<string, string>>): HostTree {
  const path = (name: string): string => (name.startsWith("/") ? name : `${CERTS_D}/${name}`);
  const names = Object.keys(files);
  return treeOfFiles(
    names
      .filter((name) => !name.endsWith("/"))
      .map((name) => ({ path: path(name), bytes: new TextEncoder().encode(files[name]) })),
    names.filter((name) => name.endsWith("/")).map(path),
  );
}

export function resolve(
  image: string,
  release: string,
  files: Readonly<Record<string, string>>,
  config: ResolutionConfig = certsD(),
): Resolution {
  return resolveImage({
    reference: reference(image),
    version: version(release),
    config,
    tree: certsTree(files),
  });
}

/** Hosts asked in the resolve step, as `scheme://host`. */
export function asked(resolution: Resolution): readonly string[] {
  return resolution.hosts
    .filter(({ resolves }) => resolves)
    .map(({ entry }) => `${entry.scheme}://${entry.host}`);
}
