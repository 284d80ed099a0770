import type { Place } from "../../issue.ts";
import type {
  Auth,
  LegacyMirror,
  LegacyTls,
  RegistryAuth,
  RegistryHeader,
  RegistryHostConfig,
} from "../registry-config.ts";
import type { ContainerdTraits } from "../version.ts";
import { foldsCase, type Refusal } from "./config-file.ts";
import { type ConfigNode, type ConfigTable, getNode } from "./config-tree.ts";

/** CRI's `registry` table, decoded; wrong types are what stops the daemon. */
export interface RegistryTables {
  /** As written; undefined when there is none, or when 2.2.2+ takes an empty one for none. */
  readonly configPath: string | undefined;
  readonly configPathWritten?: { readonly value: string; readonly at: Place };
  readonly mirrors: readonly LegacyMirror[];
  readonly configs: readonly RegistryHostConfig[];
  readonly auths: readonly RegistryAuth[];
  readonly headers: readonly RegistryHeader[];
  readonly badProgressTimeout?: { readonly value: string; readonly at: Place };
  readonly typeError?: Refusal;
}

export function readRegistryTables(cri: ConfigTable | undefined, traits: ContainerdTraits): RegistryTables {
  const decoder = new Decoder(foldsCase(traits));
  const registry = decoder.table(cri, "registry");
  const written = decoder.string(registry, "config_path");
  // 2.2.2+ fills in its default at plugin start, where an explicit "" and none look the same.
  const isDefaulted = written === "" && traits.defaultConfigPath !== "" && !traits.dumpShowsDefaultConfigPath;
  const configPathAt = decoder.node(registry, "config_path")?.at;
  const timeout = traits.readsPullProgressTimeout
    ? decoder.string(cri, "image_pull_progress_timeout")
    : undefined;
  const tables = {
    configPath: isDefaulted ? undefined : written,
    ...(configPathAt && written !== undefined && { configPathWritten: { value: written, at: configPathAt } }),
    mirrors: decoder.members(registry, "mirrors").map(([namespace, node]): LegacyMirror => {
      return { namespace, endpoints: decoder.strings(node, "endpoint") ?? [], at: node.at };
    }),
    configs: decoder
      .members(registry, "configs")
      .map(([host, node]) => readHostConfig(decoder, host, node, traits)),
    auths: decoder.members(registry, "auths").map(([url, node]): RegistryAuth => {
      return { url, auth: readAuth(decoder, node), at: node.at };
    }),
    headers: readHeaders(decoder, registry),
  };
  for (const key of ["disable_snapshot_annotations", "discard_unpacked_layers"]) decoder.boolean(cri, key);
  decoder.string(cri, "snapshotter");
  decoder.string(decoder.table(cri, "pinned_images"), "sandbox");
  const timeoutAt = decoder.node(cri, "image_pull_progress_timeout")?.at;
  const isBadTimeout = timeout !== undefined && timeout !== "" && !isGoDuration(timeout);
  return {
    ...tables,
    ...(isBadTimeout && timeoutAt && { badProgressTimeout: { value: timeout, at: timeoutAt } }),
    ...(decoder.error && { typeError: decoder.error }),
  };
}

function readHostConfig(
  decoder: Decoder,
  host: string,
  node: ConfigTable,
  traits: ContainerdTraits,
): RegistryHostConfig {
  const tls = traits.readsLegacyTls ? decoder.table(node, "tls") : undefined;
  const auth = decoder.table(node, "auth");
  return {
    host,
    at: node.at,
    ...(tls && { tls: readTls(decoder, tls), tlsAt: tls.at }),
    ...(auth && { auth: readAuth(decoder, auth), authAt: auth.at }),
  };
}

function readTls(decoder: Decoder, node: ConfigTable): LegacyTls {
  return compact({
    caFile: decoder.string(node, "ca_file"),
    certFile: decoder.string(node, "cert_file"),
    keyFile: decoder.string(node, "key_file"),
    insecureSkipVerify: decoder.boolean(node, "insecure_skip_verify"),
  });
}

function readAuth(decoder: Decoder, node: ConfigTable): Auth {
  return compact({
    username: decoder.string(node, "username"),
    password: decoder.string(node, "password"),
    auth: decoder.string(node, "auth"),
    identityToken: decoder.string(node, "identitytoken"),
  });
}

function readHeaders(decoder: Decoder, registry: ConfigTable | undefined): readonly RegistryHeader[] {
  const headers = decoder.table(registry, "headers");
  return [...(headers?.entries ?? [])].map(([name, { at }]) => {
    return { name, values: decoder.strings(headers, name) ?? [], at };
  });
}

/** Drops what is absent or has no effect: empty strings and false. */
function compact<T extends object>(record: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const present = Object.entries(record).filter(
    ([, value]) => value !== undefined && value !== "" && value !== false,
  );
  return Object.fromEntries(present) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Reads fields by type; the first mismatch is kept. */
class Decoder {
  error: Refusal | undefined;
  readonly #foldCase: boolean;

  constructor(foldCase: boolean) {
    this.#foldCase = foldCase;
  }

  node(table: ConfigTable | undefined, key: string): ConfigNode | undefined {
    return getNode(table, [key], this.#foldCase);
  }

  table(from: ConfigTable | undefined, key: string): ConfigTable | undefined {
    const node = this.node(from, key);
    if (node === undefined || node.kind === "table") return node;
    return this.#mismatch(node, key, "a table");
  }

  members(from: ConfigTable | undefined, key: string): readonly (readonly [string, ConfigTable])[] {
    const table = this.table(from, key);
    return [...(table?.entries.keys() ?? [])].flatMap((name) => {
      const member =
        table &&
        this.table({ ...table, entries: new Map([[name, table.entries.get(name) as ConfigNode]]) }, name);
      return member === undefined ? [] : [[name, member] as const];
    });
  }

  string(from: ConfigTable | undefined, key: string): string | undefined {
    const node = this.node(from, key);
    if (node === undefined || (node.kind === "value" && typeof node.value === "string"))
      return node?.value as string;
    return this.#mismatch(node, key, "a string");
  }

  boolean(from: ConfigTable | undefined, key: string): boolean | undefined {
    const node = this.node(from, key);
    if (node === undefined || (node.kind === "value" && typeof node.value === "boolean"))
      return node?.value as boolean;
    return this.#mismatch(node, key, "a boolean");
  }

  strings(from: ConfigTable | undefined, key: string): readonly string[] | undefined {
    const node = this.node(from, key);
    if (node === undefined) return undefined;
    const { value } = node.kind === "value" ? node : { value: undefined };
    if (Array.isArray(value) && value.every((item) => typeof item === "string"))
      return value as readonly string[];
    return this.#mismatch(node, key, "a list of strings");
  }

  #mismatch(node: ConfigNode, key: string, expected: string): undefined {
    this.error ??= { kind: "type", reason: `${key} is not ${expected}`, at: node.at };
    return undefined;
  }
}

/** As Go's time.ParseDuration takes it. */
function isGoDuration(text: string): boolean {
  return /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.test(text);
}
