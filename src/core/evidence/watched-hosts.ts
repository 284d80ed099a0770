import type { WatchedRegistry } from "./evidence-report.ts";

/** What stands in force for the images of one registry. */
export interface WatchedHosts {
  /** Host namespace of the image; not `*`. */
  readonly registry: string;
  /** host:port of the mirrors, in order of trial. */
  readonly mirrors: readonly string[];
  /** `/v2/cache` and the like, by host. */
  readonly paths: ReadonlyMap<string, string>;
  /** host:port of the registry itself; `nowhere` where it is closed. */
  readonly upstream: string;
}

/** Undefined: no mirror stands before this registry. */
export function hostsFor(registry: string, registries: readonly WatchedRegistry[]): WatchedHosts | undefined {
  const watched =
    registries.find(({ namespace }) => namespace === registry) ??
    registries.find(({ namespace }) => namespace === "*");
  if (watched === undefined || watched.mirrors.length === 0) return undefined;
  const upstream = registry === "docker.io" ? "registry-1.docker.io" : registry;
  return {
    registry,
    mirrors: watched.mirrors.map(hostOf),
    paths: new Map(watched.mirrors.map((url) => [hostOf(url), url.replace(/^[a-z]+:\/\/[^/]*/, "")])),
    upstream: watched.upstream === "never" ? "nowhere" : upstream,
  };
}

/** `host:port` as it stands in `scheme://host:port/path`; a URL parser would drop default ports, which containerd logs. */
export function hostOf(url: string): string {
  return /^[a-z]+:\/\/([^/?#]*)/.exec(url)?.[1] ?? "";
}
