import type { PullRequest } from "../containerd/pull/pull-request.ts";
import type { PullOutcome, PullWalk, Visit } from "../containerd/pull/pull-walk.ts";
import type { ResolvedHost } from "../containerd/resolved-host.ts";
import type { ContainerdTraits } from "../containerd/version.ts";

/** What decides how long and how often containerd tries. */
export interface PullContext {
  readonly hosts: readonly ResolvedHost[];
  readonly traits: ContainerdTraits;
  readonly pullMode: "transfer" | "local";
}

/** What a visit that did not end well means for pulls. */
export function describeMove(visit: Visit, walk: PullWalk, context: PullContext): string {
  const { judgement, request } = visit;
  if (!request.isReached) return "no pull of this image gets so far now";
  switch (judgement.move) {
    case "stops":
      return `the pull fails here${laterServer(visit, walk, context)}`;
    case "hangs":
      return describeWait(context);
    case "unknown":
      return "what containerd gets from it is not known";
    default:
      return `${describeTries(visit, context)}${describeNext(visit, walk, context)}`;
  }
}

function describeWait({ traits, pullMode }: PullContext): string {
  if (pullMode === "local" && traits.readsPullProgressTimeout)
    return "containerd waits until image_pull_progress_timeout is over (5 minutes by default) and cancels the whole pull: no other host is asked";
  return "containerd waits for it without limit: no other host is asked";
}

function describeTries({ judgement, request }: Visit, { hosts, traits }: PullContext): string {
  switch (judgement.code) {
    case "rate-limited":
    case "credentials-refused":
      return `containerd asks it ${traits.statusAttempts} times at once, then `;
    case "connect-timeout": {
      const dialMs = hosts[request.host]?.entry.dialTimeoutMs ?? 30_000;
      return `containerd waits ${dialMs / 1000} s for it, again for every object of the image, and then `;
    }
    case "no-answer":
      return `containerd waits ${(traits.answerTimeoutMs ?? 0) / 1000} s for it, again for every object of the image, and then `;
    default:
      return "containerd ";
  }
}

function describeNext({ request }: Visit, { outcome, visits }: PullWalk, { hosts }: PullContext): string {
  const index = visits.findIndex((visit) => visit.request === request);
  const later = visits
    .slice(index + 1)
    // The witness serves nobody: who comes behind it counts.
    .filter((visit) => hosts[visit.request.host]?.role !== "witness")
    .find(
      ({ request: { stage, host, isReached } }) =>
        isReached && stage === request.stage && host !== request.host,
    );
  const next = later === undefined ? undefined : hosts[later.request.host];
  if (next === undefined) return "has no other host to ask: the pull fails";
  const silently =
    outcome.kind === "served" && next.role === "upstream" ? describeLoss(request, outcome.by, hosts) : "";
  return `asks the next host, ${next.entry.host}${silently}`;
}

/** What of the pull is lost to the upstream. */
function describeLoss(
  { stage }: PullRequest,
  by: Extract<PullOutcome, { readonly kind: "served" }>["by"],
  hosts: readonly ResolvedHost[],
): string {
  if (stage !== "resolve") return ": this part comes from the upstream, and nobody is told";
  return hosts[by.manifest ?? -1]?.role === "upstream"
    ? ": the pull comes from the upstream, and nobody is told"
    : ": the tag is resolved at the upstream, and nobody is told";
}

function laterServer({ request }: Visit, { visits }: PullWalk, { hosts }: PullContext): string {
  const good = visits.find(
    ({ request: { isReached, host }, judgement: { move } }) =>
      !isReached && host !== request.host && (move === "serves" || move === "asks"),
  );
  const host = good === undefined ? undefined : hosts[good.request.host];
  return host === undefined ? ": no later host is asked" : `, although ${host.entry.host} has the image`;
}
