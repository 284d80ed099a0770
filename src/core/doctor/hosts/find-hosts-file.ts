import { closestName } from "../../agent-config/closest-name.ts";
import type { ObservedFile } from "../../host-state.ts";
import { isPutAside } from "../meant-namespace.ts";
import { type HostDirectory, nameIn } from "./host-directory.ts";

export interface FoundHostsFile {
  readonly file: ObservedFile;
  /** It is named as containerd wants it. */
  readonly isNamedRight: boolean;
  /** Named as people name what is not to be read. */
  readonly isPutAside: boolean;
}

/** The file of a directory that is, or was meant to be, its hosts.toml. */
export function findHostsFile({ files, others, path }: HostDirectory): FoundHostsFile | undefined {
  const exact = files.find((file) => file.path === `${path}/hosts.toml`);
  if (exact !== undefined) return { file: exact, isNamedRight: true, isPutAside: false };
  if (others.some((other) => other.path === `${path}/hosts.toml`)) return undefined;
  const near = files.filter(({ path: file }) => isNearly(nameIn(file)));
  const file = near.find(({ path: each }) => !isPutAside(nameIn(each))) ?? near[0];
  return file && { file, isNamedRight: false, isPutAside: isPutAside(nameIn(file.path)) };
}

function isNearly(name: string): boolean {
  const lower = name.toLowerCase();
  if (/^hosts?(?:\.toml)?[._~-].*$/.test(lower) || lower === "host" || lower === "hosts") return true;
  return lower.length > 6 && closestName(lower, ["hosts.toml", "config.toml"]) === "hosts.toml";
}
