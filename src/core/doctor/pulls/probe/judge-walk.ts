import { entryUrl } from "../../../containerd/hosts-toml/host-entry.ts";
import type { AnswerCode } from "../../../containerd/pull/judgement.ts";
import type { Visit } from "../../../containerd/pull/pull-walk.ts";
import type { ResolvedHost } from "../../../containerd/resolved-host.ts";
import { redirectedTo } from "../../../evidence/exchange.ts";
import type { HostSummary, Trouble, WalkSummary } from "../../../evidence/sum-up-walk.ts";
import type { NotChecked, Severity } from "../../finding.ts";
import { findingOfAnswer } from "../finding-of-answer.ts";
import type { ProbeTurn } from "./choose-probes.ts";
import type { HostTrouble } from "./host-trouble.ts";

export interface WalkTrouble extends HostTrouble {
  /** Among the hosts of the walk. */
  readonly index: number;
  readonly answer: AnswerCode;
}

export interface JudgedWalk {
  readonly troubles: readonly WalkTrouble[];
  readonly notChecked: readonly NotChecked[];
}

/**
 * What the way of one pull shows of the hosts on it. Mirrors have to serve, or to hand on as the files want it; a
 * registry itself is of interest only where it is needed and fails. That a login is missing is a warning: pull secrets
 * of pods are offered, too, and are not known.
 */
export function judgeWalk(turn: ProbeTurn, hosts: readonly ResolvedHost[], summary: WalkSummary): JudgedWalk {
  const image = turn.image?.normalized ?? turn.namespace;
  const { from } = summary;
  if (from === "nowhere" && summary.hosts.every(isMissing))
    return {
      troubles: [],
      notChecked: [{ what: `pulls of ${turn.namespace}`, why: `no host has ${image} any more` }],
    };
  const troubles = summary.hosts.flatMap((asked, index) => {
    const host = hosts[index];
    const { trouble } = asked;
    return host === undefined || trouble === undefined
      ? []
      : judgeHost({ turn, hosts, host, index, asked, trouble, from });
  });
  const isOpen = from === "unknown" && troubles.length === 0;
  return {
    troubles,
    notChecked: isOpen ? [{ what: `pulls of ${turn.namespace}`, why: summary.message }] : [],
  };
}

function isMissing({ trouble, visits, isReached }: HostSummary): boolean {
  const isWitness = visits.some(({ judgement }) => judgement.code === "witness");
  return !isReached || isWitness || trouble?.code === "not-found";
}

interface Judged {
  readonly turn: ProbeTurn;
  readonly hosts: readonly ResolvedHost[];
  readonly host: ResolvedHost;
  readonly index: number;
  readonly asked: HostSummary;
  readonly trouble: Trouble;
  readonly from: WalkSummary["from"];
}

function judgeHost(judged: Judged): readonly WalkTrouble[] {
  const { turn, host, asked, trouble, from } = judged;
  const bad = asked.visits.find(({ judgement: { move } }) => move !== "serves" && move !== "asks");
  if (bad === undefined || isOfNoInterest(judged)) return [];
  const isNoAnswer = bad.reply?.kind === "failure";
  const isDeadEnd = isNoAnswer && redirectedTo(bad.reply.exchange, bad.request.url) !== undefined;
  const code = findingOfAnswer(trouble.code, { role: host.role, isDeadEnd });
  if (code === undefined) return [];
  // Nobody answers, whatever is asked for.
  const isAboutHost = isNoAnswer && !isDeadEnd;
  const image = turn.image === undefined || isAboutHost ? "" : ` (asked for ${turn.image.normalized})`;
  return [
    {
      index: judged.index,
      answer: trouble.code,
      code,
      severity: severityOf(trouble.code, asked, from),
      url: isAboutHost ? entryUrl(host.entry) : bad.request.url.replace(/\?.*$/, ""),
      hop: describeHop(bad, host, judged.hosts),
      namespace: turn.namespace,
      fact: `${trouble.cause}${image}`,
      consequence: trouble.consequence,
      fix: trouble.fix,
    },
  ];
}

function isOfNoInterest({ host, asked, trouble, from }: Judged): boolean {
  const { code } = trouble;
  // One mirror after another is a design; what a registry itself lacks is nobody's fault here.
  if (code === "not-found") return host.role === "upstream" || from === "mirror" || !asked.isReached;
  if (host.role === "witness") return true;
  return host.role === "upstream" && (!asked.isReached || isAboutLogin(code));
}

function severityOf(code: AnswerCode, { isReached }: HostSummary, from: WalkSummary["from"]): Severity {
  if (!isReached || from === "mirror" || code === "not-found" || isAboutLogin(code)) return "warning";
  return "error";
}

function isAboutLogin(code: AnswerCode): boolean {
  return ["no-credentials", "unauthorized", "token-refused"].includes(code);
}

const STAGES: Readonly<Record<Visit["request"]["stage"], string>> = {
  resolve: "resolve",
  manifest: "manifest",
  platform: "manifest",
  config: "blob",
};

function describeHop({ request }: Visit, host: ResolvedHost, hosts: readonly ResolvedHost[]): string {
  return `${STAGES[request.stage]} at ${nameHop(host, hosts)}`;
}

/** `mirror 1 of 2`, `the upstream`. */
export function nameHop(host: ResolvedHost, hosts: readonly ResolvedHost[]): string {
  if (host.role !== "mirror") return `the ${host.role}`;
  const mirrors = hosts.filter(({ role }) => role === "mirror");
  return mirrors.length === 1 ? "the mirror" : `mirror ${mirrors.indexOf(host) + 1} of ${mirrors.length}`;
}
