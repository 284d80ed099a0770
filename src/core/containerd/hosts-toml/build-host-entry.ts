import { parseGoDuration } from "../go-duration.ts";
import { cleanPath } from "../go-path.ts";
import { parseGoUrl } from "../go-url.ts";
import { splitHostPort } from "../loopback.ts";
import type { ContainerdTraits } from "../version.ts";
import type { Capability, HostEntry } from "./host-entry.ts";
import type { Found, HostSettings } from "./host-settings.ts";
import { readClientPairs, readFileList, readHeader } from "./loose-settings.ts";
import { Rejection } from "./rejection.ts";

export interface WrittenHost {
  /** Table name or `server` value; empty when there is no `server`. */
  readonly written: string;
  readonly isRoot: boolean;
  readonly place?: { readonly line: number; readonly column: number };
}

/** Builds one entry. Throws Rejection for what makes containerd drop the whole file. */
export function buildHostEntry(
  host: WrittenHost,
  settings: HostSettings,
  directory: string,
  traits: ContainerdTraits,
): HostEntry {
  const url = readUrl(host, settings.overridePath);
  const { ca, client, header, skipVerify } = settings;
  const entry = {
    written: host.written,
    ...url,
    capabilities: readCapabilities(settings.capabilities, traits),
    ...(ca && { ca: readFileList(ca, directory) }),
    ...(client && { client: readClientPairs(client, directory) }),
    ...(skipVerify && { skipVerify: skipVerify.value }),
    ...(header && { header: readHeader(header) }),
    ...readDialTimeout(settings.dialTimeout),
    isRoot: host.isRoot,
    ...host.place,
  };
  return { httpsFirst: triesHttpsFirst(entry, traits), ...entry };
}

export function allCapabilities(traits: ContainerdTraits): readonly Capability[] {
  return traits.knowsReferrers ? ["pull", "resolve", "push", "referrers"] : ["pull", "resolve", "push"];
}

/** Whether any TLS key is present on an http host: even `skip_verify = false` and `ca = []` count. */
export function triesHttpsFirst(
  entry: Pick<HostEntry, "scheme" | "host" | "ca" | "client" | "skipVerify">,
  { httpsFirst }: ContainerdTraits,
): boolean {
  // An empty `client` list stays nil in containerd, an empty `ca` list does not.
  const hasClient = entry.client !== undefined && entry.client.length > 0;
  const hasTls = entry.ca !== undefined || hasClient || entry.skipVerify !== undefined;
  if (entry.scheme !== "http" || !hasTls || httpsFirst === "never") return false;
  const { port } = splitHostPort(entry.host);
  if (httpsFirst === "any-port") return true;
  return port !== "80" && (port !== "" || httpsFirst === "port-not-80");
}

function readUrl({ written, place }: WrittenHost, overridePath: boolean) {
  if (written === "") return { scheme: "", host: "", path: "" };
  const text = written.startsWith("http") ? written : `https://${written}`;
  const url = parseGoUrl(text);
  if (!url.ok) throw new Rejection("url", `unable to parse server ${text}: ${url.message}`, place);
  return { scheme: url.scheme, host: url.host, path: apiRoot(url.path, overridePath) };
}

function apiRoot(path: string, overridePath: boolean): string {
  if (path === "") return overridePath ? "" : "/v2";
  const clean = cleanPath(path);
  return clean.endsWith("/v2") || overridePath ? clean : `${clean}/v2`;
}

function readCapabilities(
  found: Found<readonly string[]> | undefined,
  traits: ContainerdTraits,
): readonly Capability[] {
  const known = allCapabilities(traits);
  if (found === undefined || found.value.length === 0) return known;
  for (const name of found.value)
    if (!known.some((capability) => capability === name.toLowerCase()))
      throw new Rejection("capability", `unknown capability ${name}`, found);
  return known.filter((capability) => found.value.some((name) => name.toLowerCase() === capability));
}

function readDialTimeout(found: Found<string> | undefined): { dialTimeoutMs?: number } {
  if (found === undefined || found.value === "") return {};
  const duration = parseGoDuration(found.value);
  if (!duration.ok) throw new Rejection("duration", duration.message, found);
  return { dialTimeoutMs: duration.ms };
}
