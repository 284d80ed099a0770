import type { WatchedRegistry } from "../evidence-report.ts";

/** Where a mirror is asked: host:port, and what stands before the repository in the path. */
export interface MirrorPlace {
  readonly host: string;
  /** Without slashes at its ends: `v2`, `v2/prefix`. */
  readonly prefix: string;
}

/** The mirrors in force, to be looked up for every request. */
export interface MirrorIndex {
  /** Those of the namespace's own entry, or of `*`. */
  mirrorsOf(namespace: string): readonly MirrorPlace[];
  /** The first entry that has a mirror on this host; `*` may be one. */
  namespaceServedBy(host: string): string | undefined;
}

export function createMirrorIndex(watched: readonly WatchedRegistry[]): MirrorIndex {
  const byNamespace = new Map<string, readonly MirrorPlace[]>();
  const byHost = new Map<string, string>();
  for (const { namespace, mirrors } of watched) {
    if (byNamespace.has(namespace)) continue;
    const places = mirrors.flatMap((mirror) => placeOf(mirror) ?? []);
    byNamespace.set(namespace, places);
    for (const { host } of places) if (!byHost.has(host)) byHost.set(host, namespace);
  }
  const others = byNamespace.get("*") ?? [];
  return {
    mirrorsOf: (namespace) => byNamespace.get(namespace) ?? others,
    namespaceServedBy: (host) => byHost.get(host),
  };
}

/** What was in force at any of several times: a pull goes by the files that it found. */
export function mergeIndexes(indexes: readonly MirrorIndex[]): MirrorIndex {
  const distinct = [...new Set(indexes)];
  const [only] = distinct;
  if (only !== undefined && distinct.length === 1) return only;
  return {
    mirrorsOf: (namespace) => distinct.flatMap((index) => index.mirrorsOf(namespace)),
    namespaceServedBy: (host) =>
      distinct.map((index) => index.namespaceServedBy(host)).find((found) => found !== undefined),
  };
}

/** `https://host:port/v2/ns` serves below `/v2/ns/`, `https://host:port` below `/v2/`. */
function placeOf(mirror: string): MirrorPlace | undefined {
  const [, scheme = "", authority = "", path = ""] = /^(https?):\/\/([^/]+)(.*)$/.exec(mirror) ?? [];
  if (authority === "") return undefined;
  const host = authority.toLowerCase().replace(scheme === "https" ? /:443$/ : /:80$/, "");
  return { host, prefix: path.replace(/^\/+|\/+$/g, "") || "v2" };
}
