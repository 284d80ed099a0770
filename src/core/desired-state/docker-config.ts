import { decodeBase64 } from "../decode-base64.ts";
import type { Credential } from "./desired-state.ts";
import { LIMITS } from "./limits.ts";
import { quote } from "./text.ts";

/** The entries of a docker config.json, by normalised host (and path), and whether it leans on credential helpers. */
export type DockerConfig =
  | { readonly ok: true; readonly entries: ReadonlyMap<string, DockerEntry>; readonly helpers: boolean }
  | { readonly ok: false; readonly reason: string };

export type DockerEntry =
  | { readonly ok: true; readonly credential: Credential }
  | { readonly ok: false; readonly reason: string };

/** Parses `auths`; see https://docs.docker.com/reference/cli/docker/login/. Reasons never quote values. */
export function parseDockerConfig(text: string): DockerConfig {
  const document = parseShallowJson(text);
  if (!isRecord(document)) return { ok: false, reason: "it is not a JSON object" };
  const auths = document["auths"];
  if (auths !== undefined && !isRecord(auths)) return { ok: false, reason: `"auths" is not an object` };
  const entries = new Map<string, DockerEntry>();
  for (const [host, entry] of Object.entries(auths ?? {}))
    if (host.length <= LIMITS.keyLength) entries.set(normalizeKey(host), parseEntry(entry));
  return { ok: true, entries, helpers: "credsStore" in document || "credHelpers" in document };
}

/**
 * The entry for `host`, preferring the longest repository prefix of `path` (`host/a/b` before `host/a` before
 * `host`), as podman and the kubelet do. Keys may be written as URLs; Docker Hub has several names.
 */
export function findDockerEntry(
  config: Extract<DockerConfig, { ok: true }>,
  host: string,
  path = "",
): DockerEntry | undefined {
  const name = normalizeKey(host);
  const components = path.split("/").filter((component) => component !== "" && component !== "v2");
  for (let length = components.length; length >= 0; length--) {
    const entry = config.entries.get([name, ...components.slice(0, length)].join("/"));
    if (entry !== undefined) return entry;
  }
  return undefined;
}

/** `https://index.docker.io/v1/` → `registry-1.docker.io`; `https://h:5000/v2/` → `h:5000`. */
function normalizeKey(key: string): string {
  const name = key
    .replace(/^https?:\/\//, "")
    .replace(/\/v[12]\/?$/, "")
    .replace(/\/+$/, "")
    .toLowerCase();
  return name === "docker.io" || name === "index.docker.io" ? "registry-1.docker.io" : name;
}

function parseEntry(entry: unknown): DockerEntry {
  if (!isRecord(entry)) return { ok: false, reason: "its entry is not an object" };
  const { username, password, auth } = entry;
  if (typeof auth === "string" && auth !== "") {
    const [, user, secret] = /^([^:]*):(.*)$/s.exec(decodeBase64(auth) ?? "") ?? [];
    if (user === undefined || secret === undefined)
      return { ok: false, reason: `its "auth" is not base64 of username:password` };
    return { ok: true, credential: { username: user, password: secret } };
  }
  if (typeof username === "string" && typeof password === "string")
    return { ok: true, credential: { username, password } };
  if ("identitytoken" in entry || "registrytoken" in entry)
    return { ok: false, reason: "it holds a token, which cannot be given to containerd in a file" };
  return { ok: false, reason: "its entry is empty; credential helpers are not run by the agent" };
}

/** JSON of a bounded depth; undefined when it is none. */
export function parseShallowJson(text: string): unknown {
  if (nestsDeeper(text, 16)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// JSON.parse itself takes a million levels, and whatever walks the result does not.
function nestsDeeper(text: string, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length && depth <= limit; at++) {
    const character = text[at];
    if (inString && character === "\\") at++;
    else if (character === '"') inString = !inString;
    else if (!inString && (character === "[" || character === "{")) depth++;
    else if (!inString && (character === "]" || character === "}")) depth--;
  }
  return depth > limit;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** For messages: the first few hosts that a config has entries for. */
export function describeHosts(config: Extract<DockerConfig, { ok: true }>): string {
  const hosts = [...config.entries.keys()].slice(0, 5).map(quote);
  return hosts.length === 0 ? "none" : hosts.join(", ");
}
