import type { Place } from "../../issue.ts";
import type { ContainerdTraits } from "../version.ts";
import { foldsCase } from "./config-file.ts";
import { type ConfigNode, type ConfigTable, getNode } from "./config-tree.ts";

/** A key in CRI's registry settings that no containerd reads. */
export interface UnknownKey {
  /** Of the table it stands in: `registry`, `registry.mirrors."docker.io"`. */
  readonly table: readonly string[];
  readonly key: string;
  readonly at: Place;
  /** What the table knows. */
  readonly known: readonly string[];
}

const KNOWN = {
  registry: ["config_path", "mirrors", "configs", "auths", "headers"],
  // `rewrite` is k3s's own.
  mirror: ["endpoint", "rewrite"],
  config: ["auth", "tls"],
  auth: ["username", "password", "auth", "identitytoken"],
  tls: ["ca_file", "cert_file", "key_file", "insecure_skip_verify"],
} as const;

/** `cri`: the image settings in force. */
export function findUnknownKeys(
  cri: ConfigTable | undefined,
  traits: ContainerdTraits,
): readonly UnknownKey[] {
  const fold = foldsCase(traits);
  const below = (node: ConfigNode | undefined, key: string) => getNode(node, [key], fold);
  const members = (node: ConfigNode | undefined) => (node?.kind === "table" ? [...node.entries] : []);
  const check = (node: ConfigNode | undefined, table: readonly string[], known: readonly string[]) =>
    members(node)
      .filter(([key]) => !known.includes(fold ? key.toLowerCase() : key))
      .map(([key, { at }]) => ({ table, key, at, known }));
  const registry = below(cri, "registry");
  const configs = members(below(registry, "configs"));
  return [
    ...check(registry, ["registry"], KNOWN.registry),
    ...members(below(registry, "mirrors")).flatMap(([name, node]) =>
      check(node, ["registry", "mirrors", name], KNOWN.mirror),
    ),
    ...configs.flatMap(([host, node]) => [
      ...check(node, ["registry", "configs", host], KNOWN.config),
      ...check(below(node, "auth"), ["registry", "configs", host, "auth"], KNOWN.auth),
      ...(traits.readsLegacyTls
        ? check(below(node, "tls"), ["registry", "configs", host, "tls"], KNOWN.tls)
        : []),
    ]),
  ];
}
