import type { ContainerdTraits } from "../containerd/version.ts";
import { type Credential, type Mirror, mirrorUrl, type Registry } from "../desired-state/desired-state.ts";
import { OWNERSHIP_MARKER } from "../file-tree.ts";
import { encodeTomlString, encodeTomlStrings } from "../toml/encode-toml.ts";
import { upstreamServer } from "./upstream.ts";

/** PEM files, absolute or relative to hosts.toml. */
export interface TlsFiles {
  readonly caFile?: string;
  /** One PEM that holds certificate and key, so that both change in one rename; or a pair of files. */
  readonly client?: string | readonly [certificate: string, key: string];
  readonly skipVerify?: boolean;
}

/** A mirror and the files that belong to it. */
export interface MirrorEntry {
  readonly mirror: Pick<Mirror, "scheme" | "host" | "path" | "capabilities" | "dialTimeout">;
  readonly tls: TlsFiles;
  /** Sent as a static `authorization` header; undefined where credentials travel another way. */
  readonly header?: Credential;
}

/** What stands in a hosts.toml besides the mirrors. */
export interface OtherHosts {
  readonly upstreamTls?: TlsFiles;
  /** Tried after the mirrors; with upstream `never` it is the last. */
  readonly witness?: MirrorEntry | undefined;
}

/**
 * The text of one hosts.toml, in the shape every containerd from 1.6.17 on reads alike: root keys first, only
 * `[host."…"]` headers, each followed by its own `.header`, always a `host` table.
 *
 * With upstream `never` the last host becomes `server`: leaving `server` out means "the default upstream, last",
 * so the only way to close the upstream is to name something else there.
 */
export function renderHostsToml(
  registry: Pick<Registry, "namespace" | "upstream">,
  entries: readonly MirrorEntry[],
  traits: ContainerdTraits,
  { upstreamTls = {}, witness }: OtherHosts = {},
): string {
  const closed = registry.upstream === "never";
  const all = witness === undefined ? entries : [...entries, witness];
  const server = closed ? all.at(-1) : undefined;
  const hosts = closed ? all.slice(0, -1) : all;
  const note = (entry: MirrorEntry) => (entry === witness ? [WITNESS_NOTE] : []);
  const root =
    server === undefined
      ? openRoot(registry, upstreamTls)
      : closedRoot(registry, server, note(server), traits);
  const lines = [OWNERSHIP_MARKER, "", ...root];
  for (const entry of hosts) lines.push("", ...note(entry), ...hostLines(entry, traits));
  // Before 1.7.32 a file without any host table is dropped, and a dropped file opens the upstream.
  if (hosts.length === 0) lines.push("", "[host]");
  return `${lines.join("\n")}\n`;
}

const WITNESS_NOTE = "# mirrorlet itself: it has nothing; what is asked of it, no mirror has served.";

function closedRoot(
  registry: Pick<Registry, "namespace">,
  server: MirrorEntry,
  note: readonly string[],
  traits: ContainerdTraits,
): readonly string[] {
  return [
    `# ${describe(registry)}: only the mirrors, never the upstream.`,
    ...note,
    `server = ${encodeTomlString(mirrorUrl(server.mirror))}`,
    ...settings(server, traits),
    ...headerLines("[header]", server.header, ""),
  ];
}

function openRoot(registry: Pick<Registry, "namespace">, tls: TlsFiles): readonly string[] {
  const upstream = upstreamServer(registry.namespace);
  const note = `# ${describe(registry)}: the mirrors in this order, then the upstream.`;
  const server = upstream === undefined ? [] : [`server = ${encodeTomlString(upstream)}`];
  return [note, ...server, ...tlsLines(tls)];
}

function hostLines(entry: MirrorEntry, traits: ContainerdTraits): readonly string[] {
  const table = `host.${encodeTomlString(mirrorUrl(entry.mirror))}`;
  const body = settings(entry, traits).map((line) => `  ${line}`);
  return [`[${table}]`, ...body, ...headerLines(`  [${table}.header]`, entry.header, "    ")];
}

function settings({ mirror, tls }: MirrorEntry, traits: ContainerdTraits): readonly string[] {
  const lines = [`capabilities = ${encodeTomlStrings(mirror.capabilities)}`];
  // Any TLS key on an http host makes containerd try https first, so http hosts get none.
  if (mirror.scheme === "https") lines.push(...tlsLines(tls));
  if (mirror.path !== "") lines.push("override_path = true");
  if (mirror.dialTimeout !== undefined && traits.knowsDialTimeout)
    lines.push(`dial_timeout = ${encodeTomlString(mirror.dialTimeout)}`);
  return lines;
}

function tlsLines({ caFile, client, skipVerify }: TlsFiles): readonly string[] {
  const lines: string[] = [];
  if (caFile !== undefined) lines.push(`ca = ${encodeTomlString(caFile)}`);
  if (typeof client === "string") lines.push(`client = ${encodeTomlString(client)}`);
  else if (client !== undefined) lines.push(`client = [${encodeTomlStrings(client)}]`);
  if (skipVerify === true) lines.push("skip_verify = true");
  return lines;
}

function headerLines(table: string, credential: Credential | undefined, indent: string): readonly string[] {
  if (credential === undefined) return [];
  return [table, `${indent}authorization = ${encodeTomlString(basicAuthorization(credential))}`];
}

/** RFC 7617, UTF-8. */
function basicAuthorization({ username, password }: Credential): string {
  const bytes = new TextEncoder().encode(`${username}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

function describe(registry: Pick<Registry, "namespace">): string {
  return registry.namespace === "*" ? "Every other host namespace" : registry.namespace;
}
