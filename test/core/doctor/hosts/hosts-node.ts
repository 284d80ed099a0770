import { CERTS_D, CONFIG, goodConfig, type NodeFiles } from "../../../support/doctored-node.ts";

/** A node with a good config.toml and this hosts.toml for gcr.io, or what is given by path below certs.d. */
export function hostsNode(release: string, content: string | NodeFiles): NodeFiles {
  const files = typeof content === "string" ? { "gcr.io/hosts.toml": content } : content;
  const below = Object.entries(files).map(([path, each]) => [`${CERTS_D}/${path}`, each] as const);
  return { [CONFIG]: goodConfig(release), ...Object.fromEntries(below) };
}

export const MIRROR = '[host."https://mirror.corp"]\n';
