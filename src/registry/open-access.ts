import type { HostEntry } from "../core/containerd/hosts-toml/host-entry.ts";
import { credentialFor } from "../core/containerd/pull/registry-credential.ts";
import { tokenHeaders } from "../core/containerd/pull/request-headers.ts";
import { readTlsMaterial } from "../core/containerd/pull/tls-material.ts";
import type { RegistryConfig } from "../core/containerd/registry-config.ts";
import type { ContainerdTraits } from "../core/containerd/version.ts";
import type { RegistryAccess } from "./ask-registry.ts";
import type { Login } from "./authorize.ts";
import { createAuthorizer } from "./authorizer.ts";
import type { HttpClient } from "./http-client.ts";
import type { Timeouts } from "./open-connection.ts";
import { RegistryError } from "./registry-error.ts";

export interface AccessOptions {
  readonly client: HttpClient;
  readonly entry: HostEntry;
  /** `repository:<repository>:pull`; empty where no repository is asked for. */
  readonly scopes: readonly string[];
  readonly config: Pick<RegistryConfig, "headers" | "configs" | "auths" | "pullMode">;
  readonly readFile: (path: string) => Uint8Array | undefined;
  readonly traits: ContainerdTraits;
  /** What containerd waits is cut to this. */
  readonly limits: Timeouts;
  readonly signal: AbortSignal;
}

/** containerd's own limits, ms. */
const DIAL_MS = 30_000;
const HANDSHAKE_MS = 10_000;

/** A host entry with all that containerd would reach it with. Caches of credentials and tokens begin empty. */
export function openAccess(options: AccessOptions): RegistryAccess {
  const { client, entry, scopes, config, readFile, traits, limits, signal } = options;
  const tls = readTlsMaterial(entry, readFile);
  const timeouts = {
    dialMs: Math.min(limits.dialMs, positive(entry.dialTimeoutMs) ?? DIAL_MS),
    handshakeMs: Math.min(limits.handshakeMs, HANDSHAKE_MS),
    responseMs: Math.min(limits.responseMs, traits.answerTimeoutMs ?? limits.responseMs),
  };
  // The transfer service does not hand the headers of config.toml on to token services.
  const global = config.pullMode === "local" ? config.headers : [];
  const headers = tokenHeaders({ entry, global }, traits);
  const hasLoginHeader = (entry.header ?? []).some(({ name }) => name.toLowerCase() === "authorization");
  const loginFor = (host: string): Login | undefined => readLogin(config, nameOf(host, entry));
  return {
    client,
    tls,
    timeouts,
    traits,
    signal,
    ...(entry.httpsFirst ? { fallback: {} } : {}),
    authorizer: createAuthorizer({
      client,
      loginFor,
      hasLoginHeader,
      scopes,
      tls,
      headers,
      timeouts,
      signal,
    }),
  };
}

/** Where a request of that entry begins: http that is tried with TLS first begins as https. */
export function requestUrl(text: string, { httpsFirst, written, scheme, host }: HostEntry): URL {
  if (host === "" || !/^https?$/.test(scheme) || !URL.canParse(text)) {
    const detail = JSON.stringify((written === "" ? text : written).slice(0, 200));
    throw new RegistryError({ phase: "http", code: "unusable-url", host, detail });
  }
  return new URL(httpsFirst ? text.replace(/^http:/, "https:") : text);
}

/** Credentials are looked up by the host as it is written; a URL leaves its default port out. */
function nameOf(host: string, entry: HostEntry): string {
  return entry.host === `${host}:443` || entry.host === `${host}:80` ? entry.host : host;
}

function readLogin(config: AccessOptions["config"], host: string): Login | undefined {
  const credential = credentialFor(config, host);
  if (credential.kind === "broken")
    throw new RegistryError({ phase: "auth", code: "bad-credentials", host, detail: credential.reason });
  return credential.kind === "none" ? undefined : credential;
}

function positive(ms: number | undefined): number | undefined {
  return ms !== undefined && ms > 0 ? ms : undefined;
}
