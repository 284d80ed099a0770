/**
 * The desired state after parsing and after every file it names has been read: what the fleet wants of this
 * node, in containerd's own words. Plain data; renderers and the planner take nothing else.
 */
export interface DesiredState {
  /** The document's own `generation`; informative, 0 when absent. */
  readonly generation: number;
  /** One entry per host namespace, in order of first appearance. Namespaces are unique. */
  readonly registries: readonly Registry[];
  /** Credentials for the upstream registries themselves, by the host:port that containerd contacts. */
  readonly upstreamCredentials: readonly HostCredential[];
  /** Image references whose pull proves that the node works. */
  readonly canaries: readonly string[];
  /** Removing all or more than half of the registries is wanted. */
  readonly allowMassRemoval: boolean;
}

/** What is wanted for one host namespace. */
export interface Registry {
  /** `gcr.io`, `docker.io`, `127.0.0.1:5000`, or `*` for every namespace without an entry of its own. */
  readonly namespace: string;
  /** In order of trial. Empty only for a namespace that merely closes its upstream is an error upstream of here. */
  readonly mirrors: readonly Mirror[];
  readonly upstream: UpstreamPolicy;
}

/** Whether containerd may contact the upstream when no mirror serves. */
export type UpstreamPolicy = "allow" | "never";

/** Capabilities of a mirror that we render; see https://github.com/containerd/containerd/blob/main/docs/hosts.md */
export type MirrorCapability = "pull" | "resolve";

export interface Mirror {
  readonly scheme: "http" | "https";
  /** `host` or `host:port` exactly as containerd will contact it; IPv6 literals in brackets. */
  readonly host: string;
  /** `""` or `/v2/<namespace>`. A non-empty path is rendered with `override_path = true`. */
  readonly path: string;
  readonly capabilities: readonly MirrorCapability[];
  /** PEM bundle added to the system pool; undefined: system pool only. */
  readonly ca?: string;
  /** Client certificate and key, both PEM. */
  readonly client?: { readonly certificate: string; readonly key: string };
  readonly skipTlsVerify: boolean;
  /** A Go duration such as `1s`; rendered only where the installed containerd knows it. */
  readonly dialTimeout?: string;
  readonly credential?: Credential;
}

export interface Credential {
  readonly username: string;
  readonly password: string;
}

export interface HostCredential {
  /** host:port as containerd contacts it, e.g. `registry-1.docker.io`. */
  readonly host: string;
  readonly credential: Credential;
}

/** `https://host:port/v2/ns`, the text that stands in `[host."…"]`. */
export function mirrorUrl(mirror: Pick<Mirror, "scheme" | "host" | "path">): string {
  return `${mirror.scheme}://${mirror.host}${mirror.path}`;
}
