import type { Place } from "../issue.ts";
import { checkUnchangeable, checkUnreadable } from "./check-exposure.ts";
import { decodeUtf8 } from "./decode-source.ts";
import type { Credential } from "./desired-state.ts";
import { type DockerConfig, parseDockerConfig } from "./docker-config.ts";
import type { IssueLog } from "./issue-log.ts";
import { LIMITS } from "./limits.ts";
import type { Material, ParsedSecret } from "./parsed-state.ts";
import type { FileRead } from "./resolve-context.ts";
import { quote } from "./text.ts";

/** What a credential source holds: entries by host, or one credential for whatever refers to it. */
export type CredentialSource =
  | { readonly kind: "config"; readonly config: Extract<DockerConfig, { ok: true }>; readonly name: string }
  | { readonly kind: "pair"; readonly credential: Credential };

/**
 * Text of what a desired state refers to. Each file and Secret is read once; what is wrong with it is reported
 * once, at the first place that names it.
 */
export class MaterialReader {
  readonly #files: ReadonlyMap<string, FileRead>;
  readonly #secrets: ReadonlyMap<string, ParsedSecret>;
  readonly #log: IssueLog;
  readonly #texts = new Map<string, string | undefined>();
  readonly #seen = new Set<string>();
  readonly #toldReadable = new Set<string>();
  readonly #configs = new Map<string, CredentialSource | undefined>();

  constructor(files: ReadonlyMap<string, FileRead>, secrets: readonly ParsedSecret[], log: IssueLog) {
    this.#files = files;
    this.#secrets = new Map(secrets.map((secret) => [`${secret.namespace}/${secret.name}`, secret]));
    this.#log = log;
  }

  /** PEM text; of a Secret the first of `keys` that it has. */
  text(material: Material, what: string, keys: readonly string[] = ["ca.crt"]): string | undefined {
    if (material.kind === "inline") return material.text;
    if (material.kind === "file" && !what.endsWith(" certificate"))
      this.#tellReadable(material.path, what, material.at);
    return memo(this.#texts, nameOf(material), () =>
      material.kind === "file"
        ? this.#readFile(material.path, what, material.at)
        : this.#readSecret(material, what, keys),
    );
  }

  /** True the first time it is asked about this text: what is wrong with it is to be said once. */
  isNew(text: string): boolean {
    if (this.#seen.has(text)) return false;
    this.#seen.add(text);
    return true;
  }

  /** A docker config.json from a file or a Secret, or the `username` and `password` of a Secret. */
  dockerConfig(material: Material): CredentialSource | undefined {
    return memo(this.#configs, nameOf(material), () => this.#readConfig(material));
  }

  #readConfig(material: Material): CredentialSource | undefined {
    const secret = material.kind === "secret" ? this.#findSecret(material) : undefined;
    if (material.kind === "secret" && secret === undefined) return undefined;
    const pair = secret && pairOf(secret);
    if (pair !== undefined) return { kind: "pair", credential: pair };
    const text = this.text(material, "the docker config", [".dockerconfigjson", "config.json"]);
    if (text === undefined) return undefined;
    const config = parseDockerConfig(text);
    if (config.ok) return { kind: "config", config, name: nameOf(material) };
    const fix =
      'write {"auths": {"host:port": {"auth": "base64 of username:password"}}}, as docker login does';
    this.#log.error(
      "docker-config",
      material.at,
      `${nameOf(material)} is not a docker config: ${config.reason}; the mirror would be asked without credentials`,
      fix,
    );
    return undefined;
  }

  #tellReadable(path: string, what: string, at: Place): void {
    const file = this.#files.get(path);
    if (file?.ok !== true || this.#toldReadable.has(path)) return;
    this.#toldReadable.add(path);
    checkUnreadable(file.exposure, `${what} ${path}`, path, at, this.#log);
  }

  #readFile(path: string, what: string, at: Place): string | undefined {
    const file = this.#files.get(path);
    if (file === undefined) {
      this.#log.error(
        "file-missing",
        at,
        `${what} ${path} does not exist on this node`,
        "put the file there, or correct the path",
      );
    } else if (!file.ok) {
      this.#log.error(
        "file-unreadable",
        at,
        `${what} ${path} cannot be read: ${file.reason}`,
        "make it a regular file that root can read",
      );
    } else if (!checkUnchangeable(file.exposure, `${what} ${path}`, at, this.#log)) {
      return undefined;
    } else if (file.bytes.length > LIMITS.namedFileBytes) {
      this.#log.error(
        "file-too-large",
        at,
        `${what} ${path} has ${file.bytes.length} bytes, more than the ${LIMITS.namedFileBytes} that are read`,
        "check that this is the right file",
      );
    } else {
      const text = decodeUtf8(file.bytes);
      if (text !== undefined && !text.includes("\0")) return text;
      this.#log.error(
        "file-not-text",
        at,
        `${what} ${path} is not text`,
        "convert it; a certificate in DER form becomes PEM with openssl x509 -inform der",
      );
    }
    return undefined;
  }

  #readSecret(
    material: Extract<Material, { kind: "secret" }>,
    what: string,
    keys: readonly string[],
  ): string | undefined {
    const secret = this.#findSecret(material);
    if (secret === undefined) return undefined;
    const key = keys.find((candidate) => secret.data.has(candidate));
    if (key !== undefined) return secret.data.get(key);
    const has = [...secret.data.keys()].slice(0, 5).map(quote).join(", ") || "no keys";
    this.#log.error(
      "secret-invalid",
      material.at,
      `the ${nameOf(material)} holds ${has}, but no ${keys[0]}, where ${what} is expected`,
      `put it under the key ${keys.join(" or ")}`,
    );
    return undefined;
  }

  #findSecret(material: Extract<Material, { kind: "secret" }>): ParsedSecret | undefined {
    const secret = this.#secrets.get(`${material.namespace}/${material.name}`);
    if (secret !== undefined) return secret;
    const message = `the ${nameOf(material)} is in none of the input's documents and not in secrets_dir, so the mirror could not be used`;
    this.#log.error(
      "secret-missing",
      material.at,
      message,
      "add it as a kind: Secret document to the input, or as a YAML file to secrets_dir",
    );
    return undefined;
  }
}

/** `/path` or `Secret namespace/name`. */
export function nameOf(material: Material): string {
  if (material.kind === "inline") return "the inline PEM text";
  return material.kind === "file"
    ? material.path
    : `Secret ${quote(`${material.namespace}/${material.name}`).slice(1, -1)}`;
}

function pairOf({ data }: ParsedSecret): Credential | undefined {
  const username = data.get("username");
  const password = data.get("password");
  return username === undefined || password === undefined ? undefined : { username, password };
}

function memo<T>(known: Map<string, T>, key: string, read: () => T): T {
  if (!known.has(key)) known.set(key, read());
  return known.get(key) as T;
}
