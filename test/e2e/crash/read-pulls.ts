import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type HostTree, treeOfObserved } from "../../../src/core/containerd/host-tree.ts";
import { parseImageReference } from "../../../src/core/containerd/image-reference.ts";
import { readRegistryConfig } from "../../../src/core/containerd/registry-config.ts";
import { resolveImage } from "../../../src/core/containerd/resolve-image.ts";
import type { ResolvedHost } from "../../../src/core/containerd/resolved-host.ts";
import type { ContainerdVersion } from "../../../src/core/containerd/version.ts";
import { createFiles } from "../../../src/host/files.ts";

const CONFIG = "/etc/containerd/config.toml";
const CERTS_D = "/etc/containerd/certs.d";

/** What pulls of a namespace would do, told so that two tellings are equal when the pulls are. */
export type Pulls = Readonly<Record<string, string>>;

/** How a containerd that was started on `config` reads the registries now, by the model. */
export async function readPulls(
  root: string,
  config: string | undefined,
  version: ContainerdVersion,
  namespaces: readonly string[],
): Promise<Pulls> {
  const tree = treeOfObserved(await createFiles({ root }).readTree(CERTS_D));
  const told = namespaces.map(
    (namespace) => [namespace, tellPulls(namespace, tree, config, version)] as const,
  );
  return Object.fromEntries(told);
}

export function tellPulls(
  namespace: string,
  tree: HostTree,
  config: string | undefined,
  version: ContainerdVersion,
): string {
  const main = config === undefined ? undefined : { path: CONFIG, text: config };
  const registries = readRegistryConfig(main, [], version);
  const parsed = parseImageReference(`${namespace}/some/image@sha256:${"1".repeat(64)}`);
  if (!parsed.ok) throw new Error(`not a namespace: ${namespace}`);
  const { outcome, hosts } = resolveImage({ reference: parsed.reference, version, config: registries, tree });
  return outcome.kind === "hosts" ? hosts.map(tell).join(", then ") : outcome.reason;
}

export function configOnDisk(root: string): string | undefined {
  try {
    return readFileSync(join(root, CONFIG), "utf8");
  } catch {
    return undefined;
  }
}

// PEM files are named by their content, and one that is absent makes the whole pull fail.
function tell({ entry, role }: ResolvedHost): string {
  return `${role} ${JSON.stringify(entry)}`;
}
