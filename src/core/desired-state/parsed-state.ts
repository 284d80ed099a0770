import type { Issue, Place } from "../issue.ts";
import type { Credential, MirrorCapability, UpstreamPolicy } from "./desired-state.ts";
import type { PlacedText } from "./map-reader.ts";
import type { Endpoint } from "./parse-endpoint.ts";

/** A desired state whose documents are understood, but whose files have not been read yet. */
export interface ParsedDesiredState {
  readonly issues: readonly Issue[];
  readonly generation: number;
  readonly allowMassRemoval: boolean;
  readonly canaries: readonly PlacedText[];
  /** In order of appearance. Namespaces repeat; resolving merges them. */
  readonly wishes: readonly MirrorWish[];
  /** Every namespace that some document mirrors, also where the mirror itself was wrong. */
  readonly namespaces: ReadonlySet<string>;
  readonly upstreamRules: readonly UpstreamRule[];
  readonly upstreamCredentials: readonly UpstreamCredentialRef[];
  readonly secrets: readonly ParsedSecret[];
  /** Files to read before resolving. Paths are unique. */
  readonly needs: readonly FileNeed[];
  /** Set when a document names a Secret that is not in the input: the directory to look in, and who names it. */
  readonly secretsDir?: PlacedText;
  /** Docker config with credentials for mirrors that name none. */
  readonly pullSecret?: PlacedText;
}

/** Mirrors of one host namespace, in the order in which one author wants them tried. */
export interface MirrorWish {
  readonly namespace: string;
  readonly at: Place;
  readonly mirrors: readonly ParsedMirror[];
}

/** A mirror as written. The same object serves every namespace of its entry. */
export interface ParsedMirror {
  readonly at: Place;
  readonly endpoint: Endpoint;
  readonly capabilities: readonly MirrorCapability[];
  /** Capabilities of the same mirror in other wishes are added rather than compared. */
  readonly addsCapabilities: boolean;
  readonly ca?: Material;
  readonly client?: { readonly certificate: Material; readonly key: Material };
  readonly credential?: CredentialRef;
  readonly skipTlsVerify: boolean;
  readonly dialTimeout?: string;
  /** Credentials may go over plain http. */
  readonly allowInsecureCredentials: boolean;
}

/** Text that stands in the document, in a file, or in a Secret. */
export type Material =
  | { readonly kind: "inline"; readonly text: string; readonly at: Place }
  | { readonly kind: "file"; readonly path: string; readonly at: Place }
  | { readonly kind: "secret"; readonly name: string; readonly namespace: string; readonly at: Place };

export type CredentialRef =
  /** A docker config.json; from a Secret also `username` and `password` keys. Looked up by the mirror's host. */
  | { readonly kind: "docker-config"; readonly source: Material; readonly at: Place }
  | {
      readonly kind: "password-file";
      readonly username: PlacedText;
      readonly path: string;
      readonly at: Place;
    }
  | { readonly kind: "inline"; readonly credential: Credential; readonly at: Place };

export interface UpstreamRule {
  readonly namespace: string;
  readonly policy: UpstreamPolicy;
  readonly at: Place;
}

export type UpstreamCredentialRef =
  /** Every entry of a docker config.json. */
  | { readonly kind: "docker-config"; readonly path: string; readonly at: Place }
  | { readonly kind: "gcr-key"; readonly path: string; readonly at: Place }
  | { readonly kind: "inline"; readonly host: string; readonly credential: Credential; readonly at: Place };

export interface ParsedSecret {
  readonly name: string;
  readonly namespace: string;
  readonly at: Place;
  /** Decoded values by key. */
  readonly data: ReadonlyMap<string, string>;
}

export interface FileNeed {
  readonly path: string;
  /** `the CA certificate`, for messages. */
  readonly what: string;
  readonly at: Place;
}

/** What one document contributes. */
export interface Fragment {
  readonly wishes?: readonly MirrorWish[];
  readonly namespaces?: readonly string[];
  readonly upstreamRules?: readonly UpstreamRule[];
  readonly upstreamCredentials?: readonly UpstreamCredentialRef[];
  readonly canaries?: readonly PlacedText[];
  readonly secrets?: readonly ParsedSecret[];
  readonly generation?: number;
  readonly allowMassRemoval?: boolean;
}
