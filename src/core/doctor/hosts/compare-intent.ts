import type { Resolution } from "../../containerd/resolve-image.ts";
import type { ResolvedHost } from "../../containerd/resolved-host.ts";
import { type Fate, isByDigestAlone } from "../fate.ts";
import type { Intent, MeantHost } from "./intent.ts";

/** A way in which pulls do not go where a file means them to. */
export type Difference =
  | { readonly kind: "pull-fails"; readonly reason: string }
  | { readonly kind: "never-asked"; readonly host: MeantHost }
  | { readonly kind: "other-url"; readonly host: MeantHost; readonly asked: string }
  | { readonly kind: "after-upstream"; readonly host: MeantHost; readonly upstream: string }
  | { readonly kind: "other-order"; readonly host: MeantHost; readonly before: string }
  | { readonly kind: "not-closed"; readonly host: MeantHost; readonly upstream: string };

/** Where the model's answer differs from what is meant, worst first. */
export function compareIntent(intent: Intent, fate: Fate): readonly Difference[] {
  // A mirror that serves digests alone is a wish like any other.
  const byTag = isByDigestAlone(fate) ? fate.byDigest : fate.byTag;
  const { mirrors, server, closed } = intent;
  const wanted = distinct(closed && server !== undefined ? [...mirrors, server] : mirrors);
  if (byTag === undefined) return wanted.map((host) => ({ kind: "never-asked", host }));
  if (byTag.outcome.kind === "pull-fails") return [{ kind: "pull-fails", reason: byTag.outcome.reason }];
  const asked = wanted.map((host) => ({ host, at: findAsked(host, byTag) }));
  const missing = asked.filter(({ at }) => at === -1).map(({ host }) => missed(host, byTag));
  const found = asked.filter(({ at }) => at !== -1);
  return [...missing, ...openUpstream(intent, wanted, byTag), ...misplaced(found, byTag)];
}

function distinct(hosts: readonly MeantHost[]): readonly MeantHost[] {
  const seen = new Set<string>();
  return hosts.filter(({ scheme, host, path }) => {
    const identity = `${scheme}://${host}${path}`;
    return !seen.has(identity) && seen.add(identity);
  });
}

function findAsked(host: MeantHost, { hosts }: Resolution): number {
  return hosts.findIndex((each) => isAt(each, host) && each.entry.path === host.path);
}

function isAt({ entry }: ResolvedHost, { scheme, host }: MeantHost): boolean {
  return entry.host.toLowerCase() === host && (scheme === undefined || entry.scheme === scheme);
}

function missed(host: MeantHost, { hosts }: Resolution): Difference {
  const near = hosts.find(({ entry }) => entry.host.toLowerCase() === host.host);
  if (near === undefined) return { kind: "never-asked", host };
  const { scheme, host: name, path } = near.entry;
  return { kind: "other-url", host, asked: `${scheme}://${name}${path}` };
}

function openUpstream(
  { closed, server }: Intent,
  wanted: readonly MeantHost[],
  { hosts }: Resolution,
): readonly Difference[] {
  const upstream = hosts.find(({ role }) => role === "upstream");
  if (!closed || server === undefined || upstream === undefined) return [];
  const isWanted = wanted.some(({ host }) => host === upstream.entry.host.toLowerCase());
  return isWanted ? [] : [{ kind: "not-closed", host: server, upstream: upstream.entry.host }];
}

/** Hosts that are asked, but not when they should be. */
function misplaced(
  found: readonly { readonly host: MeantHost; readonly at: number }[],
  { hosts }: Resolution,
): readonly Difference[] {
  return found.flatMap(({ host, at }, index): readonly Difference[] => {
    const overtaking = found.slice(index + 1).find((later) => later.at < at);
    if (overtaking !== undefined) return [{ kind: "other-order", host, before: overtaking.host.written }];
    const upstream = hosts.slice(0, at).find(({ role }) => role === "upstream");
    const isMeantBefore =
      upstream === undefined ||
      found.slice(0, index).some((earlier) => earlier.host.host === upstream.entry.host.toLowerCase());
    return isMeantBefore ? [] : [{ kind: "after-upstream", host, upstream: upstream.entry.host }];
  });
}
