/** Where a fleet's engine is, as people write it. */
export type EngineAddress =
  /** `etcd://etcd-1:2379,etcd-2:2379`: members of one cluster */
  | { readonly kind: "etcd"; readonly hosts: readonly string[] }
  /** `journal:/var/lib/mirrorlet-fleet`: a directory of this machine */
  | { readonly kind: "journal"; readonly directory: string };

export type AddressResult =
  | { readonly ok: true; readonly address: EngineAddress }
  /** What is wrong, and what to write. */
  | { readonly ok: false; readonly message: string };

export function parseEngineAddress(text: string): AddressResult {
  const journal = /^journal:(?<directory>\/.*)$/.exec(text)?.groups?.["directory"];
  if (journal !== undefined) return { ok: true, address: { kind: "journal", directory: journal } };
  const etcd = /^etcd:\/\/(?<hosts>[^/]+)\/?$/.exec(text)?.groups?.["hosts"];
  if (etcd === undefined)
    return refuse(
      `${JSON.stringify(text)} is no engine: write etcd://HOST:PORT, with all members of the cluster separated by commas, or journal:/DIRECTORY`,
    );
  const hosts = etcd.split(",");
  const wrong = hosts.find((host) => !isHostAndPort(host));
  if (wrong !== undefined) return refuse(`${JSON.stringify(wrong)} in ${text} is no HOST:PORT`);
  return { ok: true, address: { kind: "etcd", hosts } };
}

/** What `parseEngineAddress` reads. */
export function formatEngineAddress(address: EngineAddress): string {
  return address.kind === "etcd" ? `etcd://${address.hosts.join(",")}` : `journal:${address.directory}`;
}

function isHostAndPort(text: string): boolean {
  const [host = "", port = ""] = /^(.+):(\d{1,5})$/.exec(text)?.slice(1) ?? [];
  const isHost =
    /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host) || /^\[[0-9A-Fa-f:.]+\]$/.test(host);
  return isHost && Number(port) >= 1 && Number(port) <= 65_535;
}

function refuse(message: string): AddressResult {
  return { ok: false, message };
}
