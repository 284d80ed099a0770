import type { HostEntry } from "../hosts-toml/host-entry.ts";
import type { RegistryHeader } from "../registry-config.ts";
import type { ContainerdTraits } from "../version.ts";
import { ACCEPT_MANIFESTS } from "./media-types.ts";

export type Header = readonly [name: string, value: string];

/** Headers from the configuration; values may be secrets. */
export interface HeaderSources {
  readonly entry: HostEntry;
  /** `registry.headers` of config.toml, which go to every host. */
  readonly global: readonly RegistryHeader[];
}

/** Headers of a resolve request: `Accept` comes from config.toml where it stands there. */
export function resolveHeaders(sources: HeaderSources, traits: ContainerdTraits): readonly Header[] {
  const accept = flatten(sources.global.filter(({ name }) => isNamed(name, "accept")));
  return [
    ...commonHeaders(sources, traits),
    ...(accept.length > 0 ? accept : [["Accept", ACCEPT_MANIFESTS] as const]),
  ];
}

/** Headers of a fetch request: `Accept` is the type that is expected, whatever the configuration says. */
export function fetchHeaders(
  sources: HeaderSources,
  mediaType: string,
  traits: ContainerdTraits,
): readonly Header[] {
  const others = commonHeaders(sources, traits).filter(([name]) => !isNamed(name, "accept"));
  return [...others, ["Accept", mediaType === "" ? "*/*" : `${mediaType}, */*`]];
}

/** Headers for the token service of a host. */
export function tokenHeaders({ entry, global }: HeaderSources, traits: ContainerdTraits): readonly Header[] {
  if (!traits.hostHeadersGoEverywhere) return [];
  return flatten([...global, ...(entry.header ?? [])]).filter(isSent);
}

function commonHeaders({ entry, global }: HeaderSources, traits: ContainerdTraits): readonly Header[] {
  // containerd's own User-Agent comes before a host's on older releases, and the first one counts.
  const own = flatten(entry.header ?? []).filter(
    ([name]) => traits.hostHeadersGoEverywhere || !isNamed(name, "user-agent"),
  );
  const everywhere = flatten(global).filter(([name]) => !isNamed(name, "accept"));
  const all = [...everywhere, ...own].filter(isSent);
  const agent = all.find(([name]) => isNamed(name, "user-agent"));
  return all.filter((header) => !isNamed(header[0], "user-agent") || header === agent);
}

/** Go writes these itself. */
function isSent([name]: Header): boolean {
  return !/^(host|content-length|transfer-encoding|trailer)$/i.test(name);
}

function flatten(
  headers: readonly { readonly name: string; readonly values: readonly string[] }[],
): readonly Header[] {
  return headers.flatMap(({ name, values }) => values.map((value) => [name, value] as const));
}

function isNamed(name: string, wanted: string): boolean {
  return name.toLowerCase() === wanted;
}
