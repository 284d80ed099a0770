import type { HostEntry } from "../core/containerd/hosts-toml/host-entry.ts";
import { parseImageReference } from "../core/containerd/image-reference.ts";
import { readTlsMaterial } from "../core/containerd/pull/tls-material.ts";
import { type ContainerdTraits, type ContainerdVersion, traitsOf } from "../core/containerd/version.ts";
import type { WatchedRegistry } from "../core/evidence/evidence-report.ts";
import { ProbedHost, type WatchedMirror } from "../core/evidence/probed-host.ts";
import type { AccessSources, MirrorTarget } from "./evidence/probe-ports.ts";
import { observeRegistries, resolveObserved } from "./observe-resolution.ts";
import type { Files, Ports } from "./ports.ts";
import { type TurnClock, takeTurns } from "./take-turns.ts";

/** The mirrors that containerd would ask, as the files on the node say, whoever wrote them. */
export interface ObservedMirrors {
  readonly hosts: readonly ProbedHost[];
  /** What a mirror is reached with; undefined for one that is not among them. */
  readonly targetOf: (mirror: WatchedMirror) => MirrorTarget | undefined;
  /** What it was made from, as far as that can be compared; undefined: look again in any case. */
  readonly basis?: { readonly registries: readonly WatchedRegistry[]; readonly parts: readonly unknown[] };
}

export const NO_MIRRORS: ObservedMirrors = { hosts: [], targetOf: () => undefined };

export interface ObserveMirrorsDeps {
  readonly files: Files;
  /** containerd's config.toml on the node. */
  readonly configPath: string;
  readonly sha256: Ports["sha256"];
  readonly clock: TurnClock;
}

/** Stands for every host namespace without an entry of its own. RFC 2606: nobody can have this name. */
const ANY_NAMESPACE = "mirrorlet.invalid";

/**
 * Throws HostError when config.toml or a registry directory cannot be read. What is known of hosts that are still
 * used in the same way is kept from the last look.
 */
export async function observeMirrors(
  registries: readonly WatchedRegistry[],
  version: ContainerdVersion,
  known: ObservedMirrors,
  { files, configPath, sha256, clock }: ObserveMirrorsDeps,
): Promise<ObservedMirrors> {
  const observed = await observeRegistries(files, configPath, version);
  if (isMadeFrom(known, registries, observed.parts)) return known;
  let readsOutside = false;
  const turn = takeTurns(clock);
  const sources = new Map<string, AccessSources>();
  const byHost = new Map<string, WatchedMirror[]>();
  for (const { namespace } of registries) {
    await turn();
    const name = namespace === "*" ? ANY_NAMESPACE : namespace;
    const parsed = parseImageReference(`${name}/mirrorlet/probe:1`, version);
    if (!parsed.ok) continue;
    const resolved = await resolveObserved(observed, parsed.reference, files);
    const { resolution, config, readFile } = resolved;
    readsOutside ||= resolved.readsOutside;
    for (const { entry, role } of resolution.hosts) {
      const others = byHost.get(entry.host) ?? [];
      // Two paths of one host in one registry are told as one.
      if (role !== "mirror" || entry.host === "" || others.at(-1)?.registry === namespace) continue;
      const mirror = { registry: namespace, entry, settings: settingsOf(entry, readFile, sha256) };
      sources.set(keyOf(mirror), { config, readFile });
      others.push(mirror);
      byHost.set(entry.host, others);
    }
  }
  return {
    hosts: [...byHost].map(([host, mirrors]) => {
      const fresh = new ProbedHost(host, mirrors);
      return known.hosts.find((one) => one.host === host && one.use === fresh.use) ?? fresh;
    }),
    targetOf: targetsFrom(sources, traitsOf(version)),
    ...(readsOutside ? {} : { basis: { registries, parts: observed.parts } }),
  };
}

/** A closure keeps all that others of its scope refer to: made where `known` is one, each look would keep all before it. */
function targetsFrom(
  sources: ReadonlyMap<string, AccessSources>,
  traits: ContainerdTraits,
): ObservedMirrors["targetOf"] {
  return (mirror) => {
    const access = sources.get(keyOf(mirror));
    return access === undefined ? undefined : { entry: mirror.entry, access, traits };
  };
}

/** Most looks find everything as it was, and thousands of registries take a while to resolve. */
function isMadeFrom(
  { basis }: ObservedMirrors,
  registries: readonly WatchedRegistry[],
  parts: readonly unknown[],
): boolean {
  return (
    basis !== undefined &&
    basis.parts.length === parts.length &&
    basis.parts.every((part, index) => part === parts[index]) &&
    JSON.stringify(basis.registries) === JSON.stringify(registries)
  );
}

function keyOf({ registry, entry }: WatchedMirror): string {
  return `${registry} ${entry.host}`;
}

/** By content: every registry has CA files of its own, and most of them are the same. */
function settingsOf(entry: HostEntry, readFile: AccessSources["readFile"], sha256: Ports["sha256"]): string {
  const { scheme, header, dialTimeoutMs, httpsFirst } = entry;
  const tls = readTlsMaterial(entry, readFile);
  return sha256(new TextEncoder().encode(JSON.stringify([scheme, header, dialTimeoutMs, httpsFirst, tls])));
}
