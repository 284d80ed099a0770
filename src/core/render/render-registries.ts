import { type ContainerdVersion, traitsOf } from "../containerd/version.ts";
import {
  type HostCredential,
  type Mirror,
  mirrorUrl,
  type Registry,
  type UpstreamPolicy,
} from "../desired-state/desired-state.ts";
import { OWNERSHIP_MARKER, type RenderedFile } from "../file-tree.ts";
import { registryDirectory } from "./registry-directory.ts";
import { type MirrorEntry, renderHostsToml } from "./render-hosts-toml.ts";
import { type RenderWitness, witnessEntry, witnessUrl } from "./witness-entry.ts";

export interface RenderContext {
  /** Absolute path of the certs.d root on the node. */
  readonly certsD: string;
  readonly version: ContainerdVersion;
  /** Hex digest of bytes; names PEM files by their content. */
  readonly digest: (bytes: Uint8Array) => string;
  /** Hosts whose credential must go through config.toml, because they insist on a token service. */
  readonly criCredentialHosts: ReadonlySet<string>;
  /** Undefined: hosts.toml names none. */
  readonly witness?: RenderWitness | undefined;
}

/** Everything one host namespace needs on the node. */
export interface RenderedRegistry {
  readonly namespace: string;
  readonly upstream: UpstreamPolicy;
  readonly mirrors: readonly string[];
  /** `https://127.0.0.1:478/witness`, asked after the mirrors; undefined: there is none. */
  readonly witness?: string;
  readonly directory: string;
  readonly hostsToml: RenderedFile;
  /** CA bundles and client pairs, which must be in place before hosts.toml names them. */
  readonly pemFiles: readonly RenderedFile[];
  /** Files of others that hosts.toml names. */
  readonly externalFiles: readonly string[];
  /** Credentials that hosts.toml cannot carry. */
  readonly criCredentials: readonly HostCredential[];
}

export type RenderResult =
  | { readonly ok: true; readonly registry: RenderedRegistry }
  | { readonly ok: false; readonly namespace: string; readonly reason: string };

/** Renders one registry, or says why the installed containerd cannot express it. */
export function renderRegistry(registry: Registry, context: RenderContext): RenderResult {
  const reason = inexpressible(registry, context.version);
  if (reason !== undefined) return { ok: false, namespace: registry.namespace, reason };
  const directory = `${context.certsD}/${registryDirectory(registry.namespace)}`;
  const parts = registry.mirrors.map((mirror) => renderMirror(mirror, directory, context));
  const entries = parts.map((part) => part.entry);
  const witness = renderWitness(registry, entries, directory, context);
  const text = renderHostsToml(registry, entries, traitsOf(context.version), { witness: witness?.entry });
  const secret = entries.some((entry) => entry.header !== undefined);
  return {
    ok: true,
    registry: {
      namespace: registry.namespace,
      upstream: registry.upstream,
      mirrors: registry.mirrors.map(mirrorUrl),
      ...(witness === undefined ? {} : { witness: witness.url }),
      directory,
      hostsToml: {
        path: `${directory}/hosts.toml`,
        bytes: encode(text),
        mode: secret ? 0o600 : 0o644,
        secret,
      },
      pemFiles: uniqueByPath(
        [...parts, ...(witness === undefined ? [] : [witness])].flatMap((part) => part.files),
      ),
      externalFiles: [],
      criCredentials: parts.flatMap((part) => part.criCredentials),
    },
  };
}

function inexpressible(registry: Registry, version: ContainerdVersion): string | undefined {
  const traits = traitsOf(version);
  if (registry.namespace === "*" && !traits.knowsDefaultDirectory)
    return `containerd ${version.text} does not know _default (1.6.17 and later do): name the host namespaces, or upgrade`;
  const literal = registry.mirrors.find((mirror) => mirror.host.startsWith("["));
  if (literal !== undefined && traits.tomlLibrary === "go-toml-v1")
    return `containerd ${version.text} drops a hosts.toml that names the IPv6 literal ${literal.host}, and then uses the upstream: give the mirror a DNS name, or upgrade to containerd 2`;
  return undefined;
}

interface MirrorParts {
  readonly entry: MirrorEntry;
  readonly files: readonly RenderedFile[];
  readonly criCredentials: readonly HostCredential[];
}

function renderMirror(mirror: Mirror, directory: string, context: RenderContext): MirrorParts {
  const tls = mirror.scheme === "https";
  const ca = tls && mirror.ca !== undefined ? pemFile("ca", mirror.ca, directory, context, false) : undefined;
  const client =
    tls && mirror.client !== undefined
      ? pemFile(
          "client",
          `${mirror.client.certificate.trimEnd()}\n${mirror.client.key}`,
          directory,
          context,
          true,
        )
      : undefined;
  const viaCri = mirror.credential !== undefined && context.criCredentialHosts.has(mirror.host);
  return {
    entry: {
      mirror,
      tls: {
        skipVerify: mirror.skipTlsVerify,
        ...(ca === undefined ? {} : { caFile: ca.name }),
        ...(client === undefined ? {} : { client: client.name }),
      },
      ...(mirror.credential === undefined || viaCri ? {} : { header: mirror.credential }),
    },
    files: [ca, client].flatMap((pem) => (pem === undefined ? [] : [pem.file])),
    criCredentials:
      viaCri && mirror.credential !== undefined ? [{ host: mirror.host, credential: mirror.credential }] : [],
  };
}

interface WitnessParts extends Pick<MirrorParts, "entry" | "files"> {
  readonly url: string;
}

function renderWitness(
  { namespace, mirrors }: Registry,
  entries: readonly MirrorEntry[],
  directory: string,
  context: RenderContext,
): WitnessParts | undefined {
  const { witness } = context;
  // Asked for a registry of its own name it would stand for the upstream.
  if (witness === undefined || mirrors.length === 0 || namespace === witness.address) return undefined;
  const ca = pemFile("witness", witness.certificate, directory, context, false);
  return { url: witnessUrl(witness), entry: witnessEntry(witness, entries, ca.name), files: [ca.file] };
}

/**
 * PEM files are named by their content: a rotated CA is a new file, so the rename of hosts.toml switches endpoint
 * and CA in one step. They end in `.pem` because containerd reads `*.crt` and `*.cert` on its own whenever
 * hosts.toml is missing.
 */
function pemFile(kind: string, pem: string, directory: string, context: RenderContext, secret: boolean) {
  // Go's PEM reader skips text before the first BEGIN line, so the marker can stand in the file itself.
  const bytes = encode(`${OWNERSHIP_MARKER}\n${pem.trimEnd()}\n`);
  const name = `${kind}-${context.digest(bytes).slice(0, 12)}.pem`;
  const file: RenderedFile = { path: `${directory}/${name}`, bytes, mode: secret ? 0o600 : 0o644, secret };
  return { name, file };
}

function uniqueByPath(files: readonly RenderedFile[]): readonly RenderedFile[] {
  return [...new Map(files.map((file) => [file.path, file])).values()];
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
