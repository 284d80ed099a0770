import { parseHostPort } from "../agent-config/listen-address.ts";

/** Where a fleet's state is kept. */
export type EngineAddress =
  | { readonly kind: "etcd"; readonly tls: boolean; readonly endpoints: readonly string[] }
  | { readonly kind: "journal"; readonly directory: string };

export const ENGINE_FORM =
  "etcd://HOST:PORT,HOST:PORT… (etcds:// over TLS), or journal:/PATH for the processes of one machine";

/** Reads `etcd://10.0.0.1:2379,10.0.0.2:2379`, `etcds://…`, `journal:/var/lib/…`; undefined when it is none of them. */
export function parseEngineAddress(text: string): EngineAddress | undefined {
  const journal = /^journal:(\/.*)$/.exec(text)?.[1];
  if (journal !== undefined)
    return journal.split("/").includes("..") ? undefined : { kind: "journal", directory: journal };
  const [, scheme, list = ""] = /^(etcds?):\/\/(.+)$/.exec(text) ?? [];
  if (scheme === undefined) return undefined;
  const members = list.split(",");
  const isValid = members.length <= 16 && members.every((one) => (parseHostPort(one)?.port ?? 0) > 0);
  if (!isValid) return undefined;
  const tls = scheme === "etcds";
  return { kind: "etcd", tls, endpoints: members.map((one) => `${tls ? "https" : "http"}://${one}`) };
}
