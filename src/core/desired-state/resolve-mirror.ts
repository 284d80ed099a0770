import { isAtLeast } from "../containerd/version.ts";
import type { Place } from "../issue.ts";
import { checkCertificates, checkClientKey } from "./check-certificates.ts";
import { checkCredential } from "./check-credential.ts";
import type { Credential, Mirror } from "./desired-state.ts";
import { describeHosts, findDockerEntry } from "./docker-config.ts";
import type { IssueLog } from "./issue-log.ts";
import type { CredentialSource, MaterialReader } from "./material-reader.ts";
import type { CredentialRef, ParsedMirror } from "./parsed-state.ts";
import type { ResolveContext } from "./resolve-context.ts";
import { quote } from "./text.ts";

/** The mirror with everything it refers to; undefined, with issues, when something of it cannot be used. */
export function resolveMirror(
  mirror: ParsedMirror,
  materials: MaterialReader,
  pullSecret: CredentialSource | undefined,
  context: ResolveContext,
  log: IssueLog,
): Mirror | undefined {
  const errors = log.count;
  checkIpv6(mirror, context, log);
  const ca = mirror.ca && materials.text(mirror.ca, "the CA certificate");
  if (mirror.ca && ca !== undefined && materials.isNew(ca)) checkCertificates(ca, mirror.ca, context, log);
  const client = resolveClient(mirror, materials, context, log);
  const credential = resolveCredential(mirror, materials, pullSecret, log);
  const incomplete =
    (mirror.ca && ca === undefined) ||
    (mirror.client && client === undefined) ||
    (mirror.credential && credential === undefined);
  if (incomplete && log.count > errors) return undefined;
  const { scheme, host, path } = mirror.endpoint;
  return {
    scheme,
    host,
    path,
    capabilities: mirror.capabilities,
    ...(ca !== undefined && { ca }),
    ...(client && { client }),
    skipTlsVerify: mirror.skipTlsVerify,
    ...(mirror.dialTimeout !== undefined && { dialTimeout: mirror.dialTimeout }),
    ...(credential && { credential }),
  };
}

function checkIpv6(
  { endpoint, at }: ParsedMirror,
  { containerdVersion: version }: ResolveContext,
  log: IssueLog,
): void {
  if (!endpoint.ipv6 || version === undefined || isAtLeast(version, 2, 0)) return;
  const message = `containerd ${version.text} cannot read an IPv6 literal in hosts.toml: it would drop the file and pull from the upstream`;
  log.error("ipv6-literal", at, message, "give the mirror a DNS name, or update containerd to 2.0 or later");
}

function resolveClient(
  mirror: ParsedMirror,
  materials: MaterialReader,
  context: ResolveContext,
  log: IssueLog,
): Mirror["client"] {
  if (mirror.client === undefined) return undefined;
  const certificate = materials.text(mirror.client.certificate, "the client certificate");
  const key = materials.text(mirror.client.key, "the client key");
  if (certificate !== undefined && materials.isNew(certificate))
    checkCertificates(certificate, mirror.client.certificate, context, log);
  if (certificate === undefined || key === undefined) return undefined;
  if (materials.isNew(`${certificate}\0${key}`))
    checkClientKey(certificate, key, mirror.client.key, context, log);
  return { certificate, key };
}

function resolveCredential(
  mirror: ParsedMirror,
  materials: MaterialReader,
  pullSecret: CredentialSource | undefined,
  log: IssueLog,
): Credential | undefined {
  const { credential: ref, endpoint } = mirror;
  const found =
    ref === undefined ? fromPullSecret(mirror, pullSecret, log) : readCredential(ref, mirror, materials, log);
  if (found === undefined || endpoint.scheme === "https" || mirror.allowInsecureCredentials) return found;
  const message = `the credential for http://${endpoint.host} would cross the network in clear text`;
  const fix = "use https, or say allowInsecureCredentials: true in an entry of kind: RegistryMirrors";
  if (ref === undefined) log.warn("credential-insecure", mirror.at, `${message}, so it is not sent`, fix);
  else log.error("credential-insecure", ref.at, message, fix);
  return undefined;
}

function fromPullSecret(
  mirror: ParsedMirror,
  source: CredentialSource | undefined,
  log: IssueLog,
): Credential | undefined {
  if (source?.kind !== "config") return undefined;
  const { host, path } = mirror.endpoint;
  const entry = findDockerEntry(source.config, host, path);
  if (entry === undefined) return undefined;
  if (entry.ok)
    return checkCredential(entry.credential, mirror.at, `the pull secret's credential for ${host}`, log);
  log.error(
    "credential-missing",
    mirror.at,
    `the pull secret has no credential for ${host} that can be used: ${entry.reason}`,
    "log in with a username and password",
  );
  return undefined;
}

function readCredential(
  ref: CredentialRef,
  mirror: ParsedMirror,
  materials: MaterialReader,
  log: IssueLog,
): Credential | undefined {
  const { host } = mirror.endpoint;
  const whose = `the credential for ${host}`;
  if (ref.kind === "inline") return checkCredential(ref.credential, ref.at, whose, log);
  if (ref.kind === "password-file") return readPasswordFile(ref, whose, materials, log);
  const source = materials.dockerConfig(ref.source);
  if (source === undefined) return undefined;
  if (source.kind === "pair") return checkCredential(source.credential, ref.at, whose, log);
  return readDockerEntry(source, mirror, ref.at, log);
}

function readPasswordFile(
  ref: Extract<CredentialRef, { kind: "password-file" }>,
  whose: string,
  materials: MaterialReader,
  log: IssueLog,
): Credential | undefined {
  const text = materials.text({ kind: "file", path: ref.path, at: ref.at }, "the password file");
  if (text === undefined) return undefined;
  return checkCredential(
    { username: ref.username.text, password: text.replace(/\r?\n$/, "") },
    ref.at,
    whose,
    log,
  );
}

function readDockerEntry(
  source: Extract<CredentialSource, { kind: "config" }>,
  mirror: ParsedMirror,
  at: Place,
  log: IssueLog,
): Credential | undefined {
  const { host, path } = mirror.endpoint;
  const entry = findDockerEntry(source.config, host, path);
  if (entry?.ok)
    return checkCredential(entry.credential, at, `the credential for ${host} in ${source.name}`, log);
  const helpers = source.config.helpers ? "; it names credential helpers, which the agent does not run" : "";
  const reason = entry?.reason ?? `it has entries for ${describeHosts(source.config)}${helpers}`;
  log.error(
    "credential-missing",
    at,
    `${source.name} has no credential for ${quote(host)} that can be used: ${reason}`,
    `add "${host}" to its auths, as docker login ${host} does`,
  );
  return undefined;
}
