import type { HostEntry } from "../../containerd/hosts-toml/host-entry.ts";
import { describeFate } from "../fate.ts";
import { atPath, type Finding } from "../finding.ts";
import { isPublicRegistry } from "../known-registries.ts";
import type { HostsContext } from "./hosts-context.ts";
import { showWritten } from "./meant-url.ts";
import { hasTlsKeys, listReadFiles, placeOfEntry, type ReadFile, roleOfEntry } from "./read-hosts-files.ts";

/** TLS settings in the wrong place. */
export function checkTlsKeys(context: HostsContext): readonly Finding[] {
  const { text } = context.view.version;
  return listReadFiles(context).flatMap((file) => [...checkOnHttp(file, text), ...checkAtRoot(file)]);
}

function checkOnHttp(file: ReadFile, version: string): readonly Finding[] {
  const hosts = new Map(file.parsed.entries.map((entry) => [entry.written, entry]));
  return [...hosts.values()]
    .filter(({ httpsFirst }) => httpsFirst)
    .map((entry) => ({
      code: "tls-keys-on-http",
      severity: "warning",
      where: placeOfEntry(file, entry),
      fact: `${keysOf(entry)} on an http host makes containerd ${version} try https first, and http only if the host answers TLS in plain text`,
      consequence: `${describeFate(file.fate)}; a host that just closes such a connection is passed over`,
      fix: `delete ${keysOf(entry)} below ${showWritten(entry.written)}, or write https://`,
    }));
}

/** The keys are those of `server`; nothing is handed down to the host tables. */
function checkAtRoot(file: ReadFile): readonly Finding[] {
  const { parsed } = file;
  const root = parsed.entries.at(-1);
  if (root === undefined || !hasTlsKeys(root) || !isNoUseAtRoot(root)) return [];
  const bare = parsed.entries.filter(
    (entry) =>
      !entry.isRoot &&
      entry.scheme === "https" &&
      !hasTlsKeys(entry) &&
      roleOfEntry(file, entry) === "mirror" &&
      !isPublicRegistry(entry.host),
  );
  const [first] = bare;
  if (first === undefined) return [];
  const names = [...new Set(bare.map(({ written }) => showWritten(written)))].join(", ");
  return [
    {
      code: "tls-keys-at-root",
      severity: "warning",
      where: root.line === undefined ? atPath(file.file) : placeOfEntry(file, root),
      fact: `${keysOf(root)} at the top of the file is for the registry itself and does not reach ${names}`,
      consequence: `${describeFate(file.fate)}; where the system does not trust its certificate, ${showWritten(first.written)} is passed over`,
      fix: `move ${keysOf(root)} below [host."${showWritten(first.written)}"]`,
    },
  ];
}

/** A registry that everybody trusts needs none; without a `server`, somebody meant the file as a whole. */
function isNoUseAtRoot({ written, host }: HostEntry): boolean {
  return written === "" || isPublicRegistry(host);
}

function keysOf({ ca, client, skipVerify }: HostEntry): string {
  const keys = [ca && "ca", client && "client", skipVerify === undefined ? undefined : "skip_verify"];
  return keys.filter((key) => key !== undefined).join(", ");
}
