import type { Place } from "../issue.ts";
import { checkHostNamespace } from "./check-host-namespace.ts";
import type { IssueLog } from "./issue-log.ts";
import type { MapReader, PlacedText } from "./map-reader.ts";
import { type Endpoint, parseEndpoint } from "./parse-endpoint.ts";
import type { CredentialRef, Material, ParsedMirror } from "./parsed-state.ts";
import { readClient, readFileMaterial, readMaterial, readPath, readSecretRef } from "./read-material.ts";
import { readCapabilities, readDialTimeout } from "./read-mirror-options.ts";
import { quote } from "./text.ts";

/** One `registryMirrors` entry: the mirror (undefined when it is wrong) and the namespaces it names. */
export interface MirrorEntry {
  readonly mirror: ParsedMirror | undefined;
  readonly hosts: readonly PlacedText[];
}

const COMMON_KEYS = [
  "endpoint",
  "hosts",
  "capabilities",
  "skipTLSVerify",
  "dialTimeout",
  "allowInsecureCredentials",
];
/** Keys of a mirror, where it names files. */
export const FILE_KEYS: readonly string[] = [
  ...COMMON_KEYS,
  "caCertPath",
  "caCert",
  "clientCertPath",
  "clientKeyPath",
  "pullCredentialConfigPath",
  "pullCredential",
];
const TLS_KEYS = ["caCertPath", "caCert", "caCertSecretRef", "clientCertPath", "clientKeyPath"];
const SECRET_KEYS = [...COMMON_KEYS, "caCertSecretRef", "pullCredentialSecretRef"];

/** Reads one entry. Where `secrets` is set, CA and credentials are named as Secrets, else as files. */
export function readMirrorEntry(entry: MapReader, secrets: boolean, log: IssueLog): MirrorEntry {
  entry.rejectUnknown(secrets ? SECRET_KEYS : FILE_KEYS);
  const endpoint = readEndpoint(entry, log);
  const hosts = readHosts(entry, endpoint, log);
  const ca = secrets
    ? readSecretRef(entry, "caCertSecretRef")
    : readMaterial(entry, "caCertPath", "caCert", log);
  const client = secrets ? undefined : readClient(entry, "clientCertPath", "clientKeyPath", log);
  const credential = secrets ? readCredentialSecret(entry) : readCredential(entry, log);
  const skipTlsVerify = entry.boolean("skipTLSVerify") ?? false;
  const capabilities = readCapabilities(entry, log);
  const dialTimeout = readDialTimeout(entry, log);
  const allowInsecureCredentials = entry.boolean("allowInsecureCredentials") ?? false;
  if (endpoint === undefined) return { mirror: undefined, hosts };
  const mirror: ParsedMirror = {
    at: endpoint.at,
    endpoint: endpoint.endpoint,
    capabilities,
    addsCapabilities: false,
    ...(ca && { ca }),
    ...(client && { client }),
    ...(credential && { credential }),
    skipTlsVerify,
    ...(dialTimeout !== undefined && { dialTimeout }),
    allowInsecureCredentials,
  };
  const tlsKey = TLS_KEYS.find((key) => entry.get(key) !== undefined);
  return { mirror: checkTls(mirror, log, tlsKey === undefined ? undefined : entry.get(tlsKey)?.at), hosts };
}

/** No TLS options on http (`optionAt` is where one stands), and a word about TLS that proves nothing. */
export function checkTls(mirror: ParsedMirror, log: IssueLog, optionAt?: Place): ParsedMirror | undefined {
  if (mirror.endpoint.scheme === "https") {
    if (mirror.skipTlsVerify) {
      const message =
        "the mirror's certificate is not verified, so whoever is on the path can serve any image by tag";
      log.warn("tls-not-verified", mirror.at, message, "give the mirror's CA instead");
    }
    return mirror;
  }
  const at = optionAt ?? (mirror.ca ?? mirror.client?.certificate)?.at;
  if (at === undefined && !mirror.skipTlsVerify) return mirror;
  const message =
    "TLS options on an http endpoint make containerd try https first, and pulls may go to the upstream";
  log.error(
    "tls-on-http",
    at ?? mirror.at,
    message,
    "write https:// in the endpoint, or remove the TLS options",
  );
  return undefined;
}

interface PlacedEndpoint {
  readonly endpoint: Endpoint;
  readonly at: PlacedText["at"];
}

function readEndpoint(entry: MapReader, log: IssueLog): PlacedEndpoint | undefined {
  const text = entry.requiredText("endpoint", "add endpoint: https://host:port");
  return text === undefined ? undefined : readEndpointText(text, log);
}

export function readEndpointText({ text, at }: PlacedText, log: IssueLog): PlacedEndpoint | undefined {
  const result = parseEndpoint(text);
  if (result.ok) return { endpoint: result.endpoint, at };
  log.error(result.code, at, result.message, result.fix);
  return undefined;
}

function readHosts(
  entry: MapReader,
  endpoint: PlacedEndpoint | undefined,
  log: IssueLog,
): readonly PlacedText[] {
  const hosts: PlacedText[] = [];
  const seen = new Set<string>();
  for (const host of entry.texts("hosts") ?? []) {
    if (!checkHostNamespace(host, log)) continue;
    if (seen.has(host.text))
      log.warn(
        "host-duplicate",
        host.at,
        `${quote(host.text)} is listed twice; it counts once`,
        "remove one",
      );
    else if (endpoint === undefined || !rejectOwnHost(host, endpoint.endpoint, log)) hosts.push(host);
    seen.add(host.text);
  }
  return hosts;
}

/** A registry cannot be its own mirror. */
export function rejectOwnHost(host: PlacedText, endpoint: Endpoint, log: IssueLog): boolean {
  const upstream = host.text === "docker.io" ? "registry-1.docker.io" : host.text;
  const port = endpoint.scheme === "https" ? ":443" : ":80";
  const bare = (text: string): string => (text.endsWith(port) ? text.slice(0, -port.length) : text);
  if (bare(upstream) !== bare(endpoint.host)) return false;
  const message = `${quote(host.text)} is served by the endpoint itself, so the mirror would mirror itself and every miss would be asked twice`;
  log.error(
    "host-own",
    host.at,
    message,
    "remove it from hosts; images named with the mirror's host reach it without configuration",
  );
  return true;
}

function readCredential(entry: MapReader, log: IssueLog): CredentialRef | undefined {
  const config = readFileMaterial(entry, "pullCredentialConfigPath", log);
  const inline = entry.child("pullCredential", "pullCredential");
  inline?.rejectUnknown(["username", "passwordFile"]);
  if (config !== undefined && inline !== undefined) {
    const at = entry.keyAt("pullCredential");
    log.error(
      "key-conflict",
      at,
      "pullCredential and pullCredentialConfigPath are both given; which one counts would be a guess",
      "keep one of them",
    );
    return undefined;
  }
  if (config !== undefined) return { kind: "docker-config", source: config, at: config.at };
  if (inline === undefined) return undefined;
  const username = inline.requiredText("username", "add username: NAME");
  const password = readPath(inline, "passwordFile", log, true);
  if (username === undefined || password === undefined) return undefined;
  return { kind: "password-file", username, path: password.text, at: password.at };
}

function readCredentialSecret(entry: MapReader): CredentialRef | undefined {
  const source: Material | undefined = readSecretRef(entry, "pullCredentialSecretRef");
  return source && { kind: "docker-config", source, at: source.at };
}
