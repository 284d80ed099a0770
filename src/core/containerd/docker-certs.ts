import { EMPTY_ROOT } from "./default-upstream.ts";
import { joinPath } from "./go-path.ts";
import type { HostTree } from "./host-tree.ts";
import type { HostEntry } from "./hosts-toml/host-entry.ts";

/**
 * Docker's layout, used where hosts.toml is absent, empty or dropped: every `.crt` is a CA, every `.cert` a client
 * certificate with the `.key` of the same stem, all for the one default upstream.
 */
export function readDockerCerts(directory: string, tree: HostTree): HostEntry {
  const names = tree.listFiles(directory);
  const ca = names.filter((name) => name.endsWith(".crt")).map((name) => joinPath(directory, name));
  const client = names
    .filter((name) => name.endsWith(".cert"))
    .map((name): readonly [string, string] => {
      const key = joinPath(directory, `${name.slice(0, -".cert".length)}.key`);
      return [joinPath(directory, name), tree.kindOf(key) === undefined ? "" : key];
    });
  return {
    ...EMPTY_ROOT,
    ...(ca.length > 0 && { ca }),
    ...(client.length > 0 && { client }),
  };
}
