import { findBadTlsFile, namedTlsFiles } from "./check-tls-files.ts";
import { chooseDirectory, type DirectoryCandidate } from "./choose-directory.ts";
import { EMPTY_ROOT, fillDefaultUpstream } from "./default-upstream.ts";
import { readDockerCerts } from "./docker-certs.ts";
import { joinPath } from "./go-path.ts";
import type { HostTree } from "./host-tree.ts";
import type { IgnoredKey } from "./hosts-toml/find-ignored.ts";
import type { HostEntry } from "./hosts-toml/host-entry.ts";
import type { HostsFile } from "./hosts-toml/read-hosts-toml.ts";
import type { ImageReference } from "./image-reference.ts";
import { listLegacyHosts } from "./legacy-mirrors.ts";
import { readHostsFile } from "./read-hosts-file.ts";
import type { RegistryConfig } from "./registry-config.ts";
import { placeHost, type ResolvedHost } from "./resolved-host.ts";
import { type ContainerdTraits, type ContainerdVersion, traitsOf } from "./version.ts";

/** How one containerd would pull one image, before any network is involved. Plain data. */
export interface Resolution {
  readonly reference: ImageReference;
  readonly namespace: string;
  /** Where the hosts come from. */
  readonly source: "hosts-toml" | "docker-certs" | "default-upstream" | "legacy-mirrors";
  /** The directory that is in force; undefined when none exists or none is looked for. */
  readonly directory?: string;
  /** Every path that was looked at for it, in order. */
  readonly candidates: readonly DirectoryCandidate[];
  /** The hosts.toml that was read, or that would be if it were there. */
  readonly file?: string;
  /** Set when hosts.toml is there and counts for nothing: the default upstream is used instead. */
  readonly dropped?: Extract<HostsFile, { readonly kind: "dropped" }>;
  readonly outcome:
    | { readonly kind: "hosts" }
    /** Every pull fails whatever the network does; `reason` is in containerd's words. */
    | { readonly kind: "pull-fails"; readonly reason: string };
  /** In the order of trial at fetch; at resolve those without `skipped`. Empty when CRI or the files fail. */
  readonly hosts: readonly ResolvedHost[];
  /** Keys of the file that have no effect. */
  readonly ignored: readonly IgnoredKey[];
  /** Host tables whose order among each other is random. */
  readonly unordered: readonly string[];
  /** Every CA and client file the hosts name, also those that make the pull fail. */
  readonly tlsFiles: readonly string[];
}

/** What of config.toml matters; `readRegistryConfig` gives it. */
export type ResolutionConfig = Pick<
  RegistryConfig,
  "configPath" | "roots" | "pullMode" | "criLoads" | "mirrors" | "configs"
>;

/** Follows containerd from a reference to its requests. What `tree` does not hold of `tlsFiles` counts as absent. */
export function resolveImage(input: {
  readonly reference: ImageReference;
  readonly version: ContainerdVersion;
  readonly config: ResolutionConfig;
  readonly tree: HostTree;
}): Resolution {
  const { reference, config, tree } = input;
  const traits = traitsOf(input.version);
  const base = start(reference, []);
  if (!config.criLoads.ok) return failed({ source: "default-upstream", ...base }, config.criLoads.reason);
  const namespaceIsV6 = reference.namespace.startsWith("[");
  if (namespaceIsV6 && !traits.knowsIpv6References)
    return failed({ source: "default-upstream", ...base }, "invalid reference format");
  if (config.configPath === "" && config.pullMode === "local") {
    const legacy = listLegacyHosts(config, reference.namespace, traits);
    const found = { source: "legacy-mirrors", ...base } as const;
    return legacy.ok ? finish(found, legacy.entries, tree) : failed(found, legacy.reason);
  }
  return resolveDirectory(input, traits);
}

// Every new file of a plan is read this way. Each object here begins with a key of its own, for V8 gives one that
// begins with a spread a hidden class that nothing else shares: four times the time, and garbage that stays.
type Base = Pick<Resolution, "reference" | "namespace" | "candidates" | "ignored" | "unordered">;
type Found = Omit<Resolution, "hosts" | "outcome" | "tlsFiles">;

function start(reference: ImageReference, candidates: readonly DirectoryCandidate[]): Base {
  return { reference, namespace: reference.namespace, candidates, ignored: [], unordered: [] };
}

function resolveDirectory(
  { reference, version, config, tree }: Parameters<typeof resolveImage>[0],
  traits: ContainerdTraits,
): Resolution {
  const { namespace } = reference;
  const choice = chooseDirectory(config.roots, tree, namespace, traits);
  const searched = start(reference, choice.candidates);
  if (choice.failure !== undefined)
    return failed({ source: "default-upstream", ...searched }, choice.failure);
  if (choice.path === undefined) {
    const upstream = fillDefaultUpstream(EMPTY_ROOT, namespace, traits);
    return finish({ source: "default-upstream", ...searched }, [upstream], tree);
  }
  const directory = choice.path;
  const path = joinPath(directory, "hosts.toml");
  const located = { directory, file: path, ...searched };
  const unreadable = explainUnreadable(path, tree);
  if (unreadable !== undefined) return failed({ source: "hosts-toml", ...located }, unreadable);
  const file = readHostsFile(tree, version, directory);
  if (file.kind === "crashes") {
    const at = file.line === undefined ? path : `${path}:${file.line}`;
    return failed({ source: "hosts-toml", ...located }, `containerd crashes on ${at}: ${file.reason}`);
  }
  if (file.kind === "hosts") {
    const entries = closeList(file.entries, namespace, traits);
    const { ignored, unordered } = file;
    return finish({ source: "hosts-toml", ...located, ignored, unordered }, entries, tree);
  }
  const upstream = fillDefaultUpstream(readDockerCerts(directory, tree), namespace, traits);
  const dropped = file.kind === "dropped" ? { dropped: file } : {};
  return finish({ source: "docker-certs", ...located, ...dropped }, [upstream], tree);
}

function explainUnreadable(path: string, tree: HostTree): string | undefined {
  const kind = tree.kindOf(path);
  if (kind === "directory") return `read ${path}: is a directory`;
  return kind === "file" && tree.readFile(path) === undefined ? `open ${path}: cannot be read` : undefined;
}

function closeList(
  entries: readonly HostEntry[],
  namespace: string,
  traits: ContainerdTraits,
): readonly HostEntry[] {
  const root = entries.at(-1);
  if (root === undefined || root.host !== "") return entries;
  return [...entries.slice(0, -1), fillDefaultUpstream(root, namespace, traits)];
}

function finish(found: Found, entries: readonly HostEntry[], tree: HostTree): Resolution {
  const tlsFiles = namedTlsFiles(entries);
  const badFile = findBadTlsFile(entries, tree);
  if (badFile !== undefined) return failed(found, badFile, tlsFiles);
  const hosts = entries.map((entry) => placeHost(entry, found.reference));
  if (hosts.every(({ resolves }) => !resolves))
    return {
      outcome: { kind: "pull-fails", reason: "no resolve hosts: not found" },
      hosts,
      tlsFiles,
      ...found,
    };
  return { outcome: { kind: "hosts" }, hosts, tlsFiles, ...found };
}

function failed(found: Found, reason: string, tlsFiles: readonly string[] = []): Resolution {
  return { outcome: { kind: "pull-fails", reason }, hosts: [], tlsFiles, ...found };
}
