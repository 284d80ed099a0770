import { entryUrl } from "../../../containerd/hosts-toml/host-entry.ts";
import type { ResolvedHost } from "../../../containerd/resolved-host.ts";
import type { ProbeAnswer } from "../../../evidence/probe-answer.ts";
import { findingOfAnswer } from "../finding-of-answer.ts";
import type { ProbeTurn } from "./choose-probes.ts";
import type { HostTrouble } from "./host-trouble.ts";
import { nameHop } from "./judge-walk.ts";

/** What mirrors answered that were asked for their API alone, because no image of the registry is known. */
export function judgeApi(
  { namespace, hosts }: ProbeTurn,
  answers: ReadonlyMap<ResolvedHost, ProbeAnswer>,
): readonly HostTrouble[] {
  const doesServe = (host: ResolvedHost): boolean =>
    answers.get(host)?.failure === undefined && answers.has(host);
  const isServed = hosts.some(doesServe);
  return hosts.flatMap((host, index) => {
    const failure = answers.get(host)?.failure;
    const code = failure && findingOfAnswer(failure.code, { role: host.role });
    if (failure === undefined || code === undefined) return [];
    const isLogin = failure.phase === "auth" || failure.code === "token-refused";
    return [
      {
        code,
        severity: isServed || isLogin ? "warning" : "error",
        url: entryUrl(host.entry),
        hop: `its API, ${nameHop(host, hosts)}`,
        namespace,
        fact: failure.cause,
        consequence: describeNext(hosts.slice(index + 1)),
        fix: failure.fix,
      },
    ];
  });
}

function describeNext(behind: readonly ResolvedHost[]): string {
  const next = behind.find(({ role }) => role !== "witness");
  if (next === undefined) return "containerd has no other host to ask: they fail";
  return `containerd asks the next host, ${next.entry.host}${describeUpstream(next)}`;
}

/** Upstreams are not asked by probes: whether this node reaches one is not known. */
function describeUpstream({ role, entry: { host } }: ResolvedHost): string {
  if (role !== "upstream") return "";
  return host === "docker.io"
    ? ", a website: they fail"
    : ": they come from the upstream where this node reaches it, and nobody is told";
}
