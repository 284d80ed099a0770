import type { HostEntry } from "../../containerd/hosts-toml/host-entry.ts";
import { atFile, atPath, type FindingPlace } from "../finding.ts";
import type { NodeView, ObservedCertificates } from "../node-view.ts";
import type { RulingDirectory } from "./host-directory.ts";
import type { HostsContext } from "./hosts-context.ts";
import { showWritten } from "./meant-url.ts";
import { entriesOfDirectory } from "./named-tls-files.ts";

/** A host with TLS files, in the directory that names it. */
export interface TlsEntry {
  readonly directory: RulingDirectory;
  readonly entry: HostEntry;
  /** For whoever reads of it: the URL as written, or the registry itself. */
  readonly name: string;
  readonly where: FindingPlace;
}

/** A host that comes twice has its files once. */
export function listTlsEntries({ ruling, view }: HostsContext): readonly TlsEntry[] {
  return ruling.flatMap((directory) => {
    const seen = new Set<string>();
    return entriesOfDirectory(directory.path, directory.parsed, view.tree).flatMap(
      (entry): readonly TlsEntry[] => {
        const isBare = entry.ca === undefined && entry.client === undefined;
        if (isBare || seen.has(entry.written)) return [];
        seen.add(entry.written);
        return [{ directory, entry, name: nameEntry(entry, directory), where: placeOf(entry, directory) }];
      },
    );
  });
}

/** What the two files hold; undefined: they could not both be read. */
export function inspectionOf(
  { certificates }: NodeView,
  path: string,
  keyPath?: string,
): ObservedCertificates | undefined {
  return certificates.find((each) => each.path === path && each.keyPath === keyPath);
}

function nameEntry({ written }: HostEntry, { namespace }: RulingDirectory): string {
  if (written !== "") return showWritten(written);
  return namespace === "*" ? "each registry itself" : namespace;
}

function placeOf({ line, column = 1 }: HostEntry, { path, parsed }: RulingDirectory): FindingPlace {
  if (parsed.kind !== "hosts") return atPath(path);
  const file = `${path}/hosts.toml`;
  return line === undefined ? atPath(file) : atFile({ file, line, column });
}
