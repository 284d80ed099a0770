import type { WatchedRegistry } from "./evidence-report.ts";
import { findWatched } from "./find-watched.ts";
import { fallbackTarget } from "./registry-hosts.ts";

/** What stands in force for the images of one registry, in the words of containerd's log. */
export interface WatchedHosts {
  readonly watched: WatchedRegistry;
  /** host:port of the mirrors as they stand in hosts.toml, in order of trial. */
  readonly mirrors: readonly string[];
  /** `/v2/cache` and the like, by host. */
  readonly paths: ReadonlyMap<string, string>;
  /** host:port of the registry itself; `nowhere` where it is closed. */
  readonly upstream: string;
}

/** Undefined: no mirror stands before this registry. */
export function hostsFor(registry: string, registries: readonly WatchedRegistry[]): WatchedHosts | undefined {
  const watched = findWatched(registries, registry);
  if (watched === undefined || watched.mirrors.length === 0) return undefined;
  return {
    watched,
    mirrors: watched.mirrors.map(hostOf),
    paths: new Map(watched.mirrors.map((url) => [hostOf(url), url.replace(/^[a-z]+:\/\/[^/]*/, "")])),
    upstream: fallbackTarget(watched, registry),
  };
}

/** `host:port` as it stands in `scheme://host:port/path`: containerd logs default ports, too, where they are written. */
export function hostOf(url: string): string {
  return /^[a-z]+:\/\/([^/?#]*)/.exec(url)?.[1] ?? "";
}
