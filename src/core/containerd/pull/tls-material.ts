import type { HostEntry } from "../hosts-toml/host-entry.ts";

/** What decides whether a server's certificate is accepted, and which one is shown to it. PEM texts: secret. */
export interface TlsMaterial {
  /** Trusted besides the system's. */
  readonly ca?: string;
  readonly clients?: readonly { readonly certificate: string; readonly key: string }[];
  readonly skipVerify: boolean;
}

/** The files an entry names, read. One that is missing counts as empty: it makes the pull fail before anybody is asked. */
export function readTlsMaterial(
  { ca, client, skipVerify = false }: HostEntry,
  readFile: (path: string) => Uint8Array | undefined,
): TlsMaterial {
  const text = (path: string): string => new TextDecoder().decode(readFile(path) ?? new Uint8Array());
  return {
    skipVerify,
    ...(ca === undefined || ca.length === 0 ? {} : { ca: ca.map(text).join("\n") }),
    ...(client === undefined
      ? {}
      : {
          clients: client.map(([certificate, key]) => ({
            certificate: text(certificate),
            key: text(key === "" ? certificate : key),
          })),
        }),
  };
}
