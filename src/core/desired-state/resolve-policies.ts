import type { Registry, UpstreamPolicy } from "./desired-state.ts";
import type { IssueLog } from "./issue-log.ts";
import type { ParsedDesiredState, UpstreamRule } from "./parsed-state.ts";

/** Which policy each namespace has: its own rule, else the one for "*", else allow. Reports rules that cannot hold. */
export function resolvePolicies(
  { upstreamRules, namespaces }: Pick<ParsedDesiredState, "upstreamRules" | "namespaces">,
  registries: readonly Pick<Registry, "namespace" | "mirrors">[],
  log: IssueLog,
): (namespace: string) => UpstreamPolicy {
  const rules = new Map<string, UpstreamRule>();
  for (const rule of upstreamRules) {
    const first = rules.get(rule.namespace);
    if (first === undefined) rules.set(rule.namespace, rule);
    else if (first.policy !== rule.policy) reportConflict(rule, first, log);
  }
  for (const rule of rules.values()) checkRule(rule, namespaces, log);
  const rest = rules.get("*")?.policy ?? "allow";
  const policyOf = (namespace: string): UpstreamPolicy => rules.get(namespace)?.policy ?? rest;
  for (const { namespace, mirrors } of registries)
    if (policyOf(namespace) === "never")
      checkTags(namespace, mirrors, rules.get(namespace) ?? rules.get("*"), log);
  return policyOf;
}

function reportConflict(rule: UpstreamRule, first: UpstreamRule, log: IssueLog): void {
  const message = `the upstream of ${rule.namespace} is "${first.policy}" at ${first.at.file}:${first.at.line} and "${rule.policy}" here; which one counts would be a guess`;
  log.error("upstream-conflict", rule.at, message, "keep one of them");
}

function checkRule(
  { namespace, policy, at }: UpstreamRule,
  namespaces: ReadonlySet<string>,
  log: IssueLog,
): void {
  if (namespaces.has(namespace)) return;
  if (namespace === "*") {
    if (policy === "allow") return;
    const message = `"*": never closes only the upstreams of the mirrored registries: nothing mirrors "*", so images of all others still come from their upstreams`;
    log.warn("never-not-for-rest", at, message, 'give a mirror hosts: ["*"] to close them too');
  } else if (policy === "never") {
    const message = `the upstream of ${namespace} is closed and no mirror stands for it, so none of its images could be pulled`;
    log.error(
      "never-without-mirror",
      at,
      message,
      `add ${namespace} to the hosts of a mirror, or remove the line`,
    );
  } else {
    const star = namespaces.has("*") ? `; its images go to the mirrors of "*"` : "";
    log.warn(
      "upstream-without-mirror",
      at,
      `no mirror stands for ${namespace}, so this line has no effect${star}`,
      "remove it, or add the registry to the hosts of a mirror",
    );
  }
}

function checkTags(
  namespace: string,
  mirrors: Registry["mirrors"],
  rule: UpstreamRule | undefined,
  log: IssueLog,
): void {
  if (
    rule === undefined ||
    mirrors.length === 0 ||
    mirrors.some(({ capabilities }) => capabilities.includes("resolve"))
  )
    return;
  const message = `no mirror of ${namespace} may resolve tags and its upstream is closed, so its images can be pulled by digest only`;
  log.warn(
    "never-digest-only",
    rule.at,
    message,
    "let one mirror resolve, too (an ImageTagMirrorSet, or capabilities: [pull, resolve])",
  );
}
