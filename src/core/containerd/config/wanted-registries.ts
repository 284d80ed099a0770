import type { OwnedTable } from "./owned-tables.ts";

/** What config.toml should say about registries. */
export type WantedRegistries = WantedCertsD | WantedLegacy;

interface WantedCertsD {
  readonly style: "certs.d";
  /** One single directory. */
  readonly configPath: string;
  readonly auths: readonly WantedAuth[];
}

interface WantedLegacy {
  readonly style: "legacy";
  readonly mirrors: readonly { readonly namespace: string; readonly endpoints: readonly string[] }[];
  readonly tls: readonly WantedTls[];
  readonly auths: readonly WantedAuth[];
}

/** `host` as containerd contacts it, `host:port`. */
interface WantedAuth {
  readonly host: string;
  readonly username: string;
  readonly password: string;
}

/** Paths on the node. */
export interface WantedTls {
  readonly host: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly insecureSkipVerify?: boolean;
}

/** The tables that say it, in the order they are written. */
export function toOwnedTables(wanted: WantedRegistries): readonly OwnedTable[] {
  const auths = wanted.auths.map(({ host, username, password }): OwnedTable => {
    const values = [["username", username] as const, ["password", password] as const];
    return { path: ["configs", host, "auth"], values };
  });
  if (wanted.style === "certs.d") return auths;
  const mirrors = wanted.mirrors.map(({ namespace, endpoints }): OwnedTable => {
    return { path: ["mirrors", namespace], values: [["endpoint", endpoints]] };
  });
  return [...mirrors, ...wanted.tls.map(toTlsTable), ...auths];
}

function toTlsTable(tls: WantedTls): OwnedTable {
  const values: [string, string | boolean][] = [];
  if (tls.caFile !== undefined) values.push(["ca_file", tls.caFile]);
  if (tls.certFile !== undefined) values.push(["cert_file", tls.certFile]);
  if (tls.keyFile !== undefined) values.push(["key_file", tls.keyFile]);
  if (tls.insecureSkipVerify === true) values.push(["insecure_skip_verify", true]);
  return { path: ["configs", tls.host, "tls"], values };
}
