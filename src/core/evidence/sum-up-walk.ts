import type { AnswerCode, Move } from "../containerd/pull/judgement.ts";
import type { PullStage } from "../containerd/pull/pull-request.ts";
import type { PullOutcome, PullWalk, Visit } from "../containerd/pull/pull-walk.ts";
import type { ResolvedHost } from "../containerd/resolved-host.ts";
import { describeAnswer } from "./describe-answer.ts";
import { describeMove, type PullContext } from "./describe-move.ts";

/** What is foreseen of a pull. Plain data without secrets. */
export interface WalkSummary {
  /** One for each host, in order. */
  readonly hosts: readonly HostSummary[];
  /** Where the content comes from; nowhere: the pull fails. */
  readonly from: "mirror" | "mixed" | "upstream" | "nowhere" | "unknown";
  /** One sentence. */
  readonly message: string;
  /** Mirrors are there and do not do all that they should. */
  readonly hasProblem: boolean;
}

export interface HostSummary {
  /** The first thing that went wrong, or `serves`; not-asked: nothing is known. */
  readonly does: Exclude<Move, "asks"> | "not-asked";
  /** False: a pull of this image does not get so far. */
  readonly isReached: boolean;
  readonly trouble?: Trouble;
  readonly visits: readonly Visit[];
}

export interface Trouble {
  readonly code: AnswerCode;
  readonly cause: string;
  readonly consequence: string;
  readonly fix: string;
}

export function sumUpWalk(walk: PullWalk, context: PullContext): WalkSummary {
  const hosts = context.hosts.map((host, index) => sumUpHost(host, index, walk, context));
  const from = whereFrom(walk.outcome, context.hosts);
  const message = describe(walk, hosts, context);
  return { hosts, from, message, hasProblem: isProblem(from, hosts, context) };
}

function sumUpHost(host: ResolvedHost, index: number, walk: PullWalk, context: PullContext): HostSummary {
  const visits = walk.visits.filter(({ request }) => request.host === index);
  const isReached = visits.some(({ request }) => request.isReached);
  const bad = visits.find(({ judgement: { move } }) => move !== "serves" && move !== "asks");
  if (bad === undefined) return { does: visits.length > 0 ? "serves" : "not-asked", isReached, visits };
  const { move, code } = bad.judgement;
  const does = move === "asks" ? "serves" : move;
  const words = describeAnswer(bad, host);
  if (words === undefined) return { does, isReached, visits };
  const { cause, fix } = words;
  return {
    does,
    isReached,
    visits,
    trouble: { code, cause, consequence: describeMove(bad, walk, context), fix },
  };
}

function whereFrom(outcome: PullOutcome, hosts: readonly ResolvedHost[]): WalkSummary["from"] {
  if (outcome.kind === "unknown") return "unknown";
  if (outcome.kind !== "served") return "nowhere";
  const roles = new Set(contentStages(outcome.by).map((index) => hosts[index]?.role));
  if (!roles.has("upstream")) return "mirror";
  return roles.size === 1 ? "upstream" : "mixed";
}

/** Whoever resolves a name sends no content. */
function contentStages(by: Readonly<Partial<Record<PullStage, number>>>): readonly number[] {
  return [by.manifest, by.platform, by.config].filter((index) => index !== undefined);
}

function describe(
  { outcome, visits }: PullWalk,
  hosts: readonly HostSummary[],
  context: PullContext,
): string {
  const name = (index: number | undefined): string => context.hosts[index ?? -1]?.entry.host ?? "nobody";
  switch (outcome.kind) {
    case "served":
      return describeServed(outcome.by, context, name);
    case "stopped":
      return `the pull fails${becauseOf(hosts[outcome.at.request.host])}`;
    case "hangs":
      return `the pull hangs at ${name(outcome.at.request.host)}, which does not answer`;
    case "failed":
      return `the pull fails: no host ${describeLack(outcome.stage, visits)}`;
    case "unknown":
      return `what becomes of the pull is not known${becauseOf(hosts[outcome.at.request.host])}`;
  }
}

function describeLack(stage: PullStage, visits: readonly Visit[]): string {
  if (stage !== "resolve") return "serves its content";
  const answers = visits.filter(({ request }) => request.isReached).map(({ judgement }) => judgement.code);
  return answers.every((code) => code === "not-found" || code === "witness")
    ? "has the image"
    : "serves the image";
}

function becauseOf(host: HostSummary | undefined): string {
  return host?.trouble === undefined ? "" : `: ${host.trouble.cause}`;
}

function describeServed(
  by: Readonly<Partial<Record<PullStage, number>>>,
  { hosts }: PullContext,
  name: (index: number | undefined) => string,
): string {
  const content = contentStages(by);
  const from = [...new Set(content.map((index) => `the ${hosts[index]?.role ?? "host"} ${name(index)}`))];
  const resolver = hosts[by.resolve ?? -1];
  const needsUpstream = resolver?.role === "upstream" && !content.includes(by.resolve ?? -1);
  const note = needsUpstream
    ? `; its tag is resolved at the upstream ${resolver.entry.host}, which must answer`
    : "";
  return `the pull comes from ${from.join(", and in part from ")}${note}`;
}

function isProblem(from: WalkSummary["from"], hosts: readonly HostSummary[], context: PullContext): boolean {
  if (from === "nowhere") return true;
  const mirrors = hosts.filter((_host, index) => context.hosts[index]?.role === "mirror");
  if (mirrors.length === 0 || from === "unknown") return false;
  // One mirror after another is a design; one that fails is not.
  const fails = mirrors.some(
    ({ isReached, trouble }) => isReached && trouble !== undefined && trouble.code !== "not-found",
  );
  return from !== "mirror" || fails;
}
