import type { ResolvedHost } from "../core/containerd/resolved-host.ts";
import { ANY_OTHER, fateOf, showEntry } from "../core/doctor/fate.ts";
import type { NodeView } from "../core/doctor/node-view.ts";
import { listNamespaces } from "../core/doctor/process/list-mirrors.ts";
import { plainText } from "../core/plain-text.ts";

const SHOWN = 20;

/** A row for each registry with a mirror: what its pulls ask, in order. */
export function mirrorLines(view: NodeView): readonly string[] {
  // "All others" come last.
  const namespaces = listNamespaces(view).toSorted((a, b) => Number(a === "*") - Number(b === "*"));
  const mirrored = namespaces.flatMap((namespace) => {
    const hosts = fateOf(namespace, view).byTag?.hosts ?? [];
    return hosts.some(({ role }) => role === "mirror") ? [{ namespace, hosts }] : [];
  });
  if (mirrored.length === 0)
    return ["No registry has a mirror: every pull goes straight to its own registry."];
  const rows = mirrored.slice(0, SHOWN).map(({ namespace, hosts }) => [nameOf(namespace), showHosts(hosts)]);
  const width = Math.max(...rows.map(([name = ""]) => name.length));
  const more = mirrored.length - rows.length;
  const count =
    mirrored.length === 1 ? "1 registry has a mirror:" : `${mirrored.length} registries have a mirror:`;
  return [
    count,
    ...rows.map(([name = "", asked]) => plainText(`  ${name.padEnd(width)}  ${asked}`)),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function nameOf(namespace: string): string {
  return namespace === "*" ? "all others" : namespace;
}

function showHosts(hosts: readonly ResolvedHost[]): string {
  const asked = hosts.filter(({ role }) => role !== "witness").map(showHost);
  const closed = hosts.some(({ role }) => role === "upstream") ? "" : " (upstream closed)";
  return `${[...new Set(asked)].join(", then ")}${closed}`;
}

function showHost({ entry }: ResolvedHost): string {
  if (entry.host === ANY_OTHER) return "the registry itself";
  return showEntry(entry);
}
