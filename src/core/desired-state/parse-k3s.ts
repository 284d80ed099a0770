import { decodeBase64 } from "../decode-base64.ts";
import { checkHostNamespace } from "./check-host-namespace.ts";
import { WishCollector } from "./collect-wishes.ts";
import type { Credential } from "./desired-state.ts";
import { parseHostPort } from "./host-port.ts";
import type { IssueLog } from "./issue-log.ts";
import type { MapReader, PlacedText } from "./map-reader.ts";
import type { Fragment, ParsedMirror, UpstreamCredentialRef } from "./parsed-state.ts";
import { readClient, readFileMaterial } from "./read-material.ts";
import { checkTls, readEndpointText, rejectOwnHost } from "./read-mirror-entry.ts";
import { ALL_CAPABILITIES } from "./read-mirror-options.ts";
import { quote } from "./text.ts";

/** k3s and RKE2 `registries.yaml`; see https://docs.k3s.io/installation/private-registry. */
export function parseK3s(document: MapReader, log: IssueLog): Fragment {
  document.rejectUnknown(["mirrors", "configs"]);
  const configs = readConfigs(document, log);
  const collector = new WishCollector();
  const mirrors = document.child("mirrors", "mirrors");
  if (mirrors === undefined && document.get("mirrors") === undefined)
    document.missing("mirrors", "add mirrors: with the registries to be mirrored");
  const used = new Set<string>();
  for (const [name, { keyAt }] of mirrors?.map.entries ?? []) {
    const namespace = { text: name, at: keyAt };
    if (!checkHostNamespace(namespace, log)) continue;
    for (const endpoint of readEndpoints(mirrors, namespace, log))
      collector.add(namespace, readMirror(endpoint, namespace, configs, used, log));
  }
  return {
    wishes: collector.wishes,
    namespaces: collector.namespaces,
    upstreamCredentials: readUpstreamConfigs(configs, used, log),
  };
}

type Tls = Pick<ParsedMirror, "ca" | "client" | "skipTlsVerify">;

interface Config {
  readonly at: PlacedText["at"];
  readonly tls?: Tls;
  readonly auth?: { readonly credential: Credential; readonly at: PlacedText["at"] };
}

function readEndpoints(
  mirrors: MapReader | undefined,
  namespace: PlacedText,
  log: IssueLog,
): readonly PlacedText[] {
  const mirror = mirrors?.child(namespace.text, `the mirror ${quote(namespace.text)}`);
  mirror?.rejectUnknown(["endpoint", "rewrite"]);
  if (mirror?.get("rewrite") !== undefined) {
    const message =
      "containerd cannot rewrite repository names (k3s ships a changed containerd for it), so pulls would ask for paths that the mirror does not have";
    log.error(
      "rewrite",
      mirror.keyAt("rewrite"),
      message,
      "keep the upstream's paths on the mirror, under one prefix if need be: endpoint https://host/v2/<prefix>",
    );
  }
  const endpoints = mirror?.texts("endpoint") ?? [];
  if (
    endpoints.length === 0 &&
    (mirror === undefined ||
      mirror.list("endpoint")?.items.length === 0 ||
      mirror.get("endpoint") === undefined)
  )
    log.warn(
      "no-mirrors",
      namespace.at,
      `${quote(namespace.text)} names no endpoint; only k3s' embedded registry gives that a meaning, here nothing is mirrored`,
      "add an endpoint, or remove it",
    );
  return endpoints;
}

function readMirror(
  text: PlacedText,
  namespace: PlacedText,
  configs: ReadonlyMap<string, Config>,
  used: Set<string>,
  log: IssueLog,
): ParsedMirror | undefined {
  const placed = readEndpointText({ text: normalizeEndpoint(text.text), at: text.at }, log);
  if (placed === undefined || rejectOwnHost({ text: namespace.text, at: text.at }, placed.endpoint, log))
    return undefined;
  const key = configs.has(placed.endpoint.host) ? placed.endpoint.host : "*";
  const config = configs.get(key);
  used.add(key);
  const tls: Tls = config?.tls ?? { skipTlsVerify: false };
  const mirror: ParsedMirror = {
    at: text.at,
    endpoint: placed.endpoint,
    capabilities: ALL_CAPABILITIES,
    addsCapabilities: false,
    allowInsecureCredentials: false,
    ...tls,
    ...(config?.auth && { credential: { kind: "inline", ...config.auth } }),
  };
  return checkTls(mirror, log);
}

/** As k3s reads it: no scheme is https (http on loopback with a port), and a bare /v2 is the default path. */
function normalizeEndpoint(text: string): string {
  const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]):(?!443(?:\/|$))/.test(text);
  const url = text.includes("://") ? text : `${loopback ? "http" : "https"}://${text}`;
  return url.replace(/^([a-z]+:\/\/[^/]*)\/v2\/?$/, "$1");
}

function readConfigs(document: MapReader, log: IssueLog): ReadonlyMap<string, Config> {
  const configs = new Map<string, Config>();
  const given = document.child("configs", "configs");
  for (const [host, { keyAt }] of given?.map.entries ?? []) {
    const config = given?.child(host, `the config of ${quote(host)}`);
    if (config === undefined || !checkConfigHost(host, keyAt, log)) continue;
    config.rejectUnknown(["auth", "tls"]);
    const tls = readTls(config, log);
    const auth = readAuth(config, log);
    configs.set(host, { at: keyAt, ...(tls && { tls }), ...(auth && { auth }) });
  }
  return configs;
}

function checkConfigHost(host: string, at: PlacedText["at"], log: IssueLog): boolean {
  const parsed = host === "*" ? undefined : parseHostPort(host);
  if (parsed === undefined || parsed.ok) return true;
  log.error(
    "host-invalid",
    at,
    `${quote(host)} is not a host: ${parsed.reason}`,
    parsed.suggestion === undefined ? "write host or host:port" : `write ${parsed.suggestion}`,
  );
  return false;
}

function readTls(config: MapReader, log: IssueLog): Tls | undefined {
  const tls = config.child("tls", "tls");
  if (tls === undefined) return undefined;
  tls.rejectUnknown(["ca_file", "cert_file", "key_file", "insecure_skip_verify"]);
  const ca = readFileMaterial(tls, "ca_file", log);
  const client = readClient(tls, "cert_file", "key_file", log);
  return {
    ...(ca && { ca }),
    ...(client && { client }),
    skipTlsVerify: tls.boolean("insecure_skip_verify") ?? false,
  };
}

function readAuth(config: MapReader, log: IssueLog): Config["auth"] | undefined {
  const auth = config.child("auth", "auth");
  if (auth === undefined) return undefined;
  auth.rejectUnknown(["username", "password", "auth", "identity_token"]);
  const at = config.keyAt("auth");
  if (auth.get("identity_token") !== undefined) {
    log.error(
      "credential-invalid",
      auth.keyAt("identity_token"),
      "an identity token cannot be given to containerd in a file",
      "use a username and password",
    );
    return undefined;
  }
  const encoded = auth.text("auth");
  if (encoded !== undefined) {
    const [, username, password] = /^([^:]+):(.*)$/s.exec(decodeBase64(encoded.text) ?? "") ?? [];
    if (username !== undefined && password !== undefined) return { credential: { username, password }, at };
    log.error(
      "credential-invalid",
      encoded.at,
      "auth is not base64 of username:password",
      "give username and password instead",
    );
    return undefined;
  }
  const username = auth.requiredText("username", "add username");
  const password = auth.requiredText("password", "add password");
  return username && password && { credential: { username: username.text, password: password.text }, at };
}

/** Configs of hosts that are no mirror's: credentials are for the upstream itself; its TLS has no place in this model. */
function readUpstreamConfigs(
  configs: ReadonlyMap<string, Config>,
  used: ReadonlySet<string>,
  log: IssueLog,
): readonly UpstreamCredentialRef[] {
  return [...configs].flatMap(([host, { at, tls, auth }]) => {
    if (used.has(host) || host === "*") return [];
    if (tls !== undefined) {
      const message = `TLS settings for ${quote(host)}, which is no endpoint here, are not carried out: only mirrors get TLS settings`;
      log.error(
        "upstream-tls",
        at,
        message,
        "add its CA to the node's system pool, or name it as an endpoint of a mirror",
      );
    }
    if (auth === undefined) return [];
    const contacted = ["docker.io", "index.docker.io"].includes(host) ? "registry-1.docker.io" : host;
    return [{ kind: "inline", host: contacted, ...auth } as const];
  });
}
