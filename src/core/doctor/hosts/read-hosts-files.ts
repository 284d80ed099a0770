import type { HostEntry } from "../../containerd/hosts-toml/host-entry.ts";
import type { HostsFile } from "../../containerd/hosts-toml/read-hosts-toml.ts";
import { splitHostPort } from "../../containerd/loopback.ts";
import { placeHost, type ResolvedHost } from "../../containerd/resolved-host.ts";
import type { Place } from "../../issue.ts";
import { atFile, type FindingPlace } from "../finding.ts";
import type { RulingDirectory } from "./host-directory.ts";
import type { HostsContext } from "./hosts-context.ts";

/** A hosts.toml that containerd reads and follows. */
export interface ReadFile extends RulingDirectory {
  readonly file: string;
  readonly parsed: Extract<HostsFile, { readonly kind: "hosts" }>;
  /** Pulls differ from what it means. */
  readonly isMissed: boolean;
}

export function listReadFiles({ ruling, intents }: HostsContext): readonly ReadFile[] {
  const missed = new Set(
    intents.filter(({ differences }) => differences.length > 0).map(({ at }) => at.file),
  );
  return ruling.flatMap((directory): readonly ReadFile[] => {
    const file = `${directory.path}/hosts.toml`;
    const { parsed } = directory;
    return parsed.kind === "hosts" ? [{ ...directory, file, parsed, isMissed: missed.has(file) }] : [];
  });
}

/** Entries that somebody wrote, in the order of trial: all but a default upstream. */
export function writtenEntries({ parsed }: ReadFile): readonly HostEntry[] {
  return parsed.entries.filter(({ written }) => written !== "");
}

export function placeOfEntry({ file }: ReadFile, { line = 1, column = 1 }: HostEntry): FindingPlace {
  const at: Place = { file, line, column };
  return atFile(at);
}

export function roleOfEntry({ resolution }: ReadFile, entry: HostEntry): ResolvedHost["role"] {
  return placeHost(entry, resolution.reference).role;
}

/** `ca`, `client` or `skip_verify` is written, whatever its value. */
export function hasTlsKeys({ ca, client, skipVerify }: HostEntry): boolean {
  return ca !== undefined || client !== undefined || skipVerify !== undefined;
}

export function portOf({ host }: HostEntry): string {
  return splitHostPort(host).port;
}
