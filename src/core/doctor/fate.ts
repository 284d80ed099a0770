import { entryUrl, type HostEntry } from "../containerd/hosts-toml/host-entry.ts";
import { parseImageReference } from "../containerd/image-reference.ts";
import { type Resolution, resolveImage } from "../containerd/resolve-image.ts";
import type { NodeView } from "./node-view.ts";

/** What the model says becomes of the pulls of a host namespace on this node. */
export interface Fate {
  readonly namespace: string;
  /** Of a tag and of a digest: `pull` without `resolve` tells them apart. Undefined: no such reference can exist. */
  readonly byTag: Resolution | undefined;
  readonly byDigest: Resolution | undefined;
}

/** Stands for every namespace without a directory of its own, as `_default` serves it. */
export const ANY_OTHER = "any-other.registry.example";

const DIGEST = `sha256:${"0".repeat(64)}`;

type Decisive = Pick<NodeView, "version" | "config" | "tree">;

export type FateView = Decisive & Pick<NodeView, "fates">;

/** What was worked out already, for the very files it was worked out of. */
export interface KnownFates {
  readonly of: Decisive;
  readonly byNamespace: Map<string, Fate>;
}

/** The view, with a memory: each namespace is resolved once, however many checks ask. */
export function rememberFates<View extends Decisive>(view: View): View & { readonly fates: KnownFates } {
  const { version, config, tree } = view;
  return { ...view, fates: { of: { version, config, tree }, byNamespace: new Map() } };
}

/** `*` stands for every namespace without a directory of its own. */
export function fateOf(namespace: string, view: FateView): Fate {
  const known = knownFates(view);
  const before = known?.get(namespace);
  if (before !== undefined) return before;
  const asked = namespace === "*" ? ANY_OTHER : namespace;
  const fate = {
    namespace,
    byTag: resolve(`${asked}/repository:tag`, view),
    byDigest: resolve(`${asked}/repository@${DIGEST}`, view),
  };
  known?.set(namespace, fate);
  return fate;
}

/** None for a view whose files were exchanged since: "what if" has a memory of its own, or none. */
function knownFates({ fates, version, config, tree }: FateView): Map<string, Fate> | undefined {
  if (fates === undefined) return undefined;
  const { of } = fates;
  return of.version === version && of.config === config && of.tree === tree ? fates.byNamespace : undefined;
}

function resolve(text: string, { version, config, tree }: Decisive): Resolution | undefined {
  const parsed = parseImageReference(text);
  return parsed.ok ? resolveImage({ reference: parsed.reference, version, config, tree }) : undefined;
}

/** `gcr.io`, or words for all others. */
export function nameNamespace(namespace: string): string {
  return namespace === "*" ? "every registry without a directory of its own" : namespace;
}

/** One sentence, in terms of pulls: `every pull of gcr.io goes straight to https://gcr.io`. */
export function describeFate(fate: Fate): string {
  const { byTag, byDigest } = fate;
  const name = nameNamespace(fate.namespace);
  if (byTag === undefined) return `no image can be pulled under the name ${name}`;
  const { outcome } = byTag;
  if (outcome.kind === "hosts") return describeHosts(byTag, "", fate);
  return isByDigestAlone(fate) && byDigest !== undefined
    ? `every pull of ${name} by tag fails: ${outcome.reason}; ${describeHosts(byDigest, " by digest", fate)}`
    : `every pull of ${name} fails: ${outcome.reason}`;
}

/** No host may look up a tag, and there are some to serve a digest. */
export function isByDigestAlone({ byTag, byDigest }: Fate): boolean {
  return byTag?.outcome.kind === "pull-fails" && byDigest?.outcome.kind === "hosts";
}

/** True when pulls of the namespace ask a mirror. */
export function hasMirror({ byTag }: Fate): boolean {
  return byTag?.hosts.some(({ role }) => role === "mirror") ?? false;
}

function describeHosts({ hosts }: Resolution, how: string, fate: Fate): string {
  const name = `${nameNamespace(fate.namespace)}${how}`;
  // Neither what only proves fallbacks, nor what containerd cannot even connect to.
  const asked = hosts.filter(({ role, entry: { host } }) => role !== "witness" && !/^$|:$/.test(host));
  const [first = "", ...rest] = [...new Set(asked.map(({ entry }) => showHost(entry, fate)))];
  if (!asked.some(({ role }) => role === "mirror")) return `every pull of ${name} goes straight to ${first}`;
  const resolving = asked.find(({ resolves }) => resolves);
  const tags =
    resolving === undefined || showHost(resolving.entry, fate) === first
      ? ""
      : `, and tags are looked up at ${showHost(resolving.entry, fate)} first`;
  return `pulls of ${name} ask ${[first, ...rest].join(", then ")}${tags}`;
}

function showHost(entry: HostEntry, { namespace }: Fate): string {
  if (namespace === "*" && entry.host === ANY_OTHER) return "the registry itself";
  return showEntry(entry);
}

/** The URL without the path that all registries have, and with slashes as they are sent. */
export function showEntry(entry: HostEntry): string {
  const path = entry.path.replace(/\/{2,}/g, "/");
  return path === "/v2" ? `${entry.scheme}://${entry.host}` : entryUrl({ ...entry, path });
}
