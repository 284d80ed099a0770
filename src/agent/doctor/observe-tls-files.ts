import type { InspectCertificates } from "../../core/certificates.ts";
import { namedTlsFiles } from "../../core/containerd/check-tls-files.ts";
import { type HostTree, hidePaths, joinTrees } from "../../core/containerd/host-tree.ts";
import type { HostEntry } from "../../core/containerd/hosts-toml/host-entry.ts";
import { listAllEntries, type TlsSources } from "../../core/doctor/hosts/named-tls-files.ts";
import type { ObservedCertificates, RootView } from "../../core/doctor/node-view.ts";
import type { Gradual } from "../../core/gradual.ts";
import type { Files, ObservedFile } from "../ports.ts";
import { readOutside } from "../read-outside.ts";
import { inTurns, type TurnClock } from "../take-turns.ts";

/** A tree that also has the TLS files outside the registry directories, and what is in all of those that are named. */
export interface ObservedTlsFiles {
  readonly tree: HostTree;
  readonly certificates: readonly ObservedCertificates[];
  /** Paths, inside and outside, that this user may not read. */
  readonly denied: readonly string[];
}

const MAX_OUTSIDE = 512;

interface ObserveTlsDeps {
  readonly files: Files;
  readonly clock: TurnClock;
  readonly inspectCertificates: InspectCertificates;
}

/** Reads and inspects the files that `ca` and `client` name. One that cannot be read has no inspection. */
export async function observeTlsFiles(
  sources: TlsSources,
  { files, clock, inspectCertificates }: ObserveTlsDeps,
): Promise<ObservedTlsFiles> {
  const entries = await inTurns(listAllEntries(sources), clock);
  const missing = namedTlsFiles(entries)
    .filter((path) => sources.tree.kindOf(path) === undefined && path.startsWith("/"))
    .slice(0, MAX_OUTSIDE);
  const outside = await readOutside(missing, files);
  const observed = [...sources.roots.flatMap(({ tree }) => tree.files), ...outside.files];
  const byPath = new Map(observed.map((file) => [file.path, file]));
  const denied = [...sources.roots.flatMap(deniedIn), ...outside.denied];
  const whole = missing.length === 0 ? sources.tree : withOutside(sources.tree, outside.tree);
  return {
    tree: hidePaths(whole, denied),
    certificates: await inTurns(inspect(entries, byPath, inspectCertificates), clock),
    denied,
  };
}

/** Nothing outside is a hosts.toml, so what is known of those stays true. */
function withOutside(tree: HostTree, outside: HostTree): HostTree {
  const { hostsFiles } = tree;
  return { ...joinTrees([tree, outside]), ...(hostsFiles && { hostsFiles }) };
}

function deniedIn({ tree: { others } }: RootView): readonly string[] {
  return others.filter(({ reason }) => reason.endsWith("(EACCES)")).map(({ path }) => path);
}

function* inspect(
  entries: readonly HostEntry[],
  files: ReadonlyMap<string, ObservedFile>,
  inspectCertificates: InspectCertificates,
): Gradual<readonly ObservedCertificates[]> {
  const found = new Map<string, ObservedCertificates>();
  for (const path of entries.flatMap(({ ca = [] }) => ca)) {
    const file = files.get(path);
    if (file === undefined || found.has(path)) continue;
    yield;
    found.set(path, { path, inspection: inspectCertificates(decode(file)) });
  }
  for (const [path, written] of entries.flatMap(({ client = [] }) => client)) {
    const keyPath = written === "" ? path : written;
    const [file, key] = [files.get(path), files.get(keyPath)];
    const identity = `${path}\n${keyPath}`;
    if (file === undefined || key === undefined || found.has(identity)) continue;
    yield;
    const inspection = inspectCertificates(decode(file), decode(key));
    found.set(identity, { path, keyPath, keyMode: key.mode, inspection });
  }
  return [...found.values()];
}

function decode({ bytes }: ObservedFile): string {
  return new TextDecoder().decode(bytes);
}
