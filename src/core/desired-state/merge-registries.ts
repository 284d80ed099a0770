import { type ContainerdVersion, isAtLeast } from "../containerd/version.ts";
import { type Mirror, mirrorUrl, type Registry } from "./desired-state.ts";
import type { IssueLog } from "./issue-log.ts";
import { LIMITS } from "./limits.ts";
import { mergeOrders } from "./merge-orders.ts";
import type { MirrorWish, ParsedDesiredState, ParsedMirror } from "./parsed-state.ts";
import { ALL_CAPABILITIES } from "./read-mirror-options.ts";
import { resolvePolicies } from "./resolve-policies.ts";

/** One registry a namespace, in order of first appearance, its mirrors in an order that every author agrees with. */
export function mergeRegistries(
  parsed: Pick<ParsedDesiredState, "wishes" | "namespaces" | "upstreamRules">,
  mirrors: ReadonlyMap<ParsedMirror, Mirror>,
  version: ContainerdVersion | undefined,
  log: IssueLog,
): readonly Registry[] {
  const byNamespace = new Map<string, MirrorWish[]>();
  for (const wish of parsed.wishes) {
    const wishes = byNamespace.get(wish.namespace);
    if (wishes === undefined) byNamespace.set(wish.namespace, [wish]);
    else wishes.push(wish);
  }
  const merged = [...byNamespace].map(([namespace, wishes]) => {
    checkIpv6Namespace(wishes[0], version, log);
    return { namespace, mirrors: mergeWishes(namespace, wishes, mirrors, log) };
  });
  const policyOf = resolvePolicies(parsed, merged, log);
  return merged.map(({ namespace, mirrors: own }) => ({
    namespace,
    mirrors: own,
    upstream: policyOf(namespace),
  }));
}

interface Merging {
  readonly mirror: Mirror;
  readonly addsCapabilities: boolean;
}

function mergeWishes(
  namespace: string,
  wishes: readonly MirrorWish[],
  mirrors: ReadonlyMap<ParsedMirror, Mirror>,
  log: IssueLog,
): readonly Mirror[] {
  const byUrl = new Map<string, Merging>();
  const lists = wishes.map((wish) => [...addWish(wish, byUrl, mirrors, log)]);
  const all = [...byUrl.values()].map(({ mirror }) => mirror);
  const at = wishes[0]?.at;
  if (at === undefined) return all;
  if (all.length > LIMITS.mirrorsPerNamespace) {
    const message = `${namespace} has ${all.length} mirrors, and containerd asks each of them for every object that is missing`;
    log.error("too-many-mirrors", at, message, `keep at most ${LIMITS.mirrorsPerNamespace}`);
    return all;
  }
  const { order, conflict } = mergeOrders(lists);
  if (conflict) {
    const message = `the mirrors of ${namespace} are listed in contradicting orders; they are tried as ${order.join(", ")}`;
    log.warn("mirror-order", at, message, "list them in one order everywhere");
  }
  return order.flatMap((url) => byUrl.get(url)?.mirror ?? []);
}

function addWish(
  wish: MirrorWish,
  byUrl: Map<string, Merging>,
  mirrors: ReadonlyMap<ParsedMirror, Mirror>,
  log: IssueLog,
): ReadonlySet<string> {
  const urls = new Set<string>();
  for (const parsed of wish.mirrors) {
    const mirror = mirrors.get(parsed);
    if (mirror === undefined) continue;
    const url = mirrorUrl(mirror);
    urls.add(url);
    const { addsCapabilities } = parsed;
    const known = byUrl.get(url);
    const merged =
      known === undefined ? { mirror, addsCapabilities } : combine(known, { mirror, addsCapabilities });
    if (merged !== undefined) byUrl.set(url, merged);
    else {
      const message = `${url} is given twice for ${wish.namespace} with different settings; which one counts would be a guess`;
      log.error("mirror-conflict", parsed.at, message, "keep one entry, or make both equal");
    }
  }
  return urls;
}

/** Undefined when the two contradict each other. */
function combine(known: Merging, next: Merging): Merging | undefined {
  const addsCapabilities = known.addsCapabilities || next.addsCapabilities;
  const both = [...known.mirror.capabilities, ...next.mirror.capabilities];
  const capabilities = ALL_CAPABILITIES.filter((capability) => both.includes(capability));
  const [one, other] = [known, next].map(({ mirror }) =>
    addsCapabilities ? { ...mirror, capabilities } : mirror,
  );
  if (one === undefined || other === undefined || fingerprint(one) !== fingerprint(other)) return undefined;
  return { mirror: one, addsCapabilities };
}

function fingerprint(mirror: Mirror): string {
  const { capabilities, ca, client, skipTlsVerify, dialTimeout, credential } = mirror;
  return JSON.stringify([
    capabilities,
    ca,
    client?.certificate,
    client?.key,
    skipTlsVerify,
    dialTimeout,
    credential?.username,
    credential?.password,
  ]);
}

// 1.6 cannot even parse such an image reference.
function checkIpv6Namespace(
  wish: MirrorWish | undefined,
  version: ContainerdVersion | undefined,
  log: IssueLog,
): void {
  if (
    wish === undefined ||
    version === undefined ||
    !wish.namespace.startsWith("[") ||
    isAtLeast(version, 1, 7)
  )
    return;
  log.error(
    "ipv6-literal",
    wish.at,
    `containerd ${version.text} cannot pull images named with an IPv6 address`,
    "use a DNS name, or update containerd to 1.7 or later",
  );
}
