import type { RegistryConfig } from "../../containerd/registry-config.ts";
import type { ContainerdVersion } from "../../containerd/version.ts";
import type { DumpedRegistry } from "./read-dump.ts";

/** The containerd that serves the socket. What is undefined could not be looked at. */
export interface ProcessView {
  readonly pid: number;
  readonly socket: string;
  /** ms since the epoch. */
  readonly startedMs?: number;
  /** When it made its socket: by then it had read its configuration. */
  readonly listeningMs?: number;
  /** Of the running binary, which the installed one may have replaced. */
  readonly version?: ContainerdVersion;
  readonly installed?: ContainerdVersion;
  readonly commandLine?: readonly string[];
  /** Holds secrets: only values of proxy and certificate variables may be shown, proxies without user-info. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly uid?: number;
  /** The command that restarts it. */
  readonly restart: string;
  /** config.toml and its imports, with the time of their last change. */
  readonly configTimes: readonly { readonly path: string; readonly modifiedMs: number }[];
  /** A configuration file that people expect to count and that this process was not started with. */
  readonly unreadConfig?: {
    readonly path: string;
    readonly config: RegistryConfig;
    readonly chosen: boolean;
  };
  /** Paths of configuration that are other than ours, or not there, as the process sees its files. */
  readonly seenOtherwise?: readonly string[];
  /** Configuration that it has no permission to read. */
  readonly unreadable?: readonly string[];
  readonly trust?: TrustView;
  readonly unit?: UnitView;
  readonly health?: HealthView;
  /** What the installed binary makes of the configuration file. */
  readonly dump?: DumpedRegistry;
  /** A Docker Engine beside it; `hasMirrors`: it has mirrors of its own. */
  readonly docker?: { readonly socket: string; readonly hasMirrors: boolean };
}

/** Where its trust in certificates comes from. */
export interface TrustView {
  /** What SSL_CERT_FILE and SSL_CERT_DIR name and is not there. */
  readonly missing: readonly { readonly variable: string; readonly path: string }[];
  /** Some file or directory that Go looks at is there. */
  readonly hasRoots: boolean;
  /** The certificate that this machine's administrator added last. */
  readonly newestAnchor?: { readonly path: string; readonly changedMs: number };
}

export interface UnitView {
  readonly name: string;
  readonly needsReload: boolean;
  readonly environment: Readonly<Record<string, string>>;
}

/** What it answers when it is asked. */
export interface HealthView {
  readonly reachable: boolean;
  readonly criReady: boolean;
  readonly failedPlugins: readonly { readonly id: string; readonly message: string }[];
  /** As CRI tells it; 2.x does not. */
  readonly criConfigPath?: string;
  readonly message?: string;
}
