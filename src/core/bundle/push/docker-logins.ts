import { decodeBase64 } from "../../decode-base64.ts";
import { parseShallowJson } from "../../desired-state/docker-config.ts";

/** What a registry, or its token service, is shown. Secret. */
export type PushLogin =
  | { readonly kind: "login"; readonly username: string; readonly password: string }
  /** Exchanged for tokens at the token service. */
  | { readonly kind: "identity-token"; readonly token: string }
  /** Shown to the registry as it is. */
  | { readonly kind: "registry-token"; readonly token: string };

/** Where the login for a repository is. */
export type LoginPlace =
  | { readonly kind: "none" }
  | { readonly kind: "here"; readonly login: PushLogin }
  /** `docker-credential-<helper> get`, with `server` on its standard input. */
  | { readonly kind: "helper"; readonly helper: string; readonly server: string }
  | { readonly kind: "broken"; readonly reason: string };

/** Logins of a docker config.json or of podman's auth.json. */
export interface DockerLogins {
  /** `path`: the repository, whose longest prefix among the keys counts. */
  find(host: string, path: string): LoginPlace;
  /** Of what is below a namespace, the paths that have logins of their own. */
  below(host: string, namespace: string): readonly string[];
}

export type DockerLoginsResult =
  | { readonly ok: true; readonly logins: DockerLogins }
  | { readonly ok: false; readonly reason: string };

/**
 * Reads `auths`, `credHelpers` and `credsStore`. A helper named for the host goes first, then what stands in the
 * file, then the store for all. Keys: https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md;
 * Reasons never quote values.
 */
export function readDockerLogins(text: string): DockerLoginsResult {
  const document = parseShallowJson(text);
  if (!isRecord(document)) return { ok: false, reason: "it is not a JSON object" };
  const { auths = {}, credHelpers = {}, credsStore = "" } = document;
  if (!isRecord(auths) || !isRecord(credHelpers))
    return { ok: false, reason: `"auths" or "credHelpers" is not an object` };
  const entries = byKey(auths);
  const helpers = byKey(credHelpers);
  return {
    ok: true,
    logins: {
      find(host, path) {
        const keys = keysOf(host, path);
        const named = keys.find((key) => helpers.has(key));
        if (named !== undefined) return helperPlace(helpers.get(named), named);
        const found = keys.map((key) => readEntry(entries.get(key))).find(({ kind }) => kind !== "none");
        if (found !== undefined) return found;
        return credsStore === "" ? { kind: "none" } : helperPlace(credsStore, normalize(host));
      },
      below(host, namespace) {
        const above = `${[normalize(host), ...(namespace === "" ? [] : [namespace])].join("/")}/`;
        const keys = new Set([...helpers.keys(), ...entries.keys()].filter((key) => key.startsWith(above)));
        return [...keys].map((key) => key.slice(normalize(host).length + 1));
      },
    },
  };
}

const HUB = "index.docker.io";

function normalize(key: string): string {
  const name = key
    .replace(/^https?:\/\//i, "")
    .replace(/\/v[12]\/?$/, "")
    .replace(/\/+$/, "")
    .toLowerCase();
  return name === "docker.io" || name === "registry-1.docker.io" ? HUB : name;
}

function byKey(record: Readonly<Record<string, unknown>>): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(record).map(([key, value]) => [normalize(key), value]));
}

/** `host/a/b`, `host/a`, `host`. */
function keysOf(host: string, path: string): readonly string[] {
  const parts = path.split("/").filter((part) => part !== "");
  return Array.from({ length: parts.length + 1 }, (_, less) =>
    [normalize(host), ...parts.slice(0, parts.length - less)].join("/"),
  );
}

function helperPlace(helper: unknown, key: string): LoginPlace {
  if (typeof helper !== "string" || !/^[\w.-]{1,64}$/.test(helper))
    return { kind: "broken", reason: "the name of its credential helper is none" };
  // Docker Hub's login is kept under the address that it had first.
  return { kind: "helper", helper, server: key === HUB ? `https://${HUB}/v1/` : key };
}

function readEntry(entry: unknown): LoginPlace {
  if (!isRecord(entry)) return { kind: "none" };
  const { auth, username, password, identitytoken, registrytoken } = entry;
  if (isText(registrytoken)) return here({ kind: "registry-token", token: registrytoken });
  if (isText(identitytoken)) return here({ kind: "identity-token", token: identitytoken });
  if (isText(auth)) {
    const [, user, secret] = /^([^:]*):(.*)$/s.exec(decodeBase64(auth) ?? "") ?? [];
    if (user === undefined || secret === undefined)
      return { kind: "broken", reason: `its "auth" is not base64 of username:password` };
    return here({ kind: "login", username: user, password: secret.replace(/\0+$/, "") });
  }
  if (isText(username) && typeof password === "string") return here({ kind: "login", username, password });
  return { kind: "none" };
}

function here(login: PushLogin): LoginPlace {
  return { kind: "here", login };
}

/** What `docker-credential-… get` prints: https://github.com/docker/docker-credential-helpers#development */
export function readHelperAnswer(text: string): PushLogin | undefined {
  const document = parseShallowJson(text);
  if (!isRecord(document)) return undefined;
  const { Username: username, Secret: secret } = document;
  if (typeof username !== "string" || !isText(secret)) return undefined;
  return username === "<token>"
    ? { kind: "identity-token", token: secret }
    : { kind: "login", username, password: secret };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
