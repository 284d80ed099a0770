import type { AnswerCode } from "../../../containerd/pull/judgement.ts";
import type { Resolution } from "../../../containerd/resolve-image.ts";
import { cleanText } from "../../../evidence/clean-text.ts";
import { namespaceOfDirectory } from "../../../render/registry-directory.ts";
import { describeFate, fateOf } from "../../fate.ts";
import type { Finding, FindingCode, FindingPlace } from "../../finding.ts";
import { findingOfAnswer } from "../finding-of-answer.ts";
import { describeHopError, nameHost } from "./describe-hop-error.ts";
import { describeNodeTrouble, isNodeTrouble } from "./describe-node-trouble.ts";
import { doubtShownError, stopsPull } from "./doubt-shown-error.ts";
import { type ErrorContext, type ErrorHop, placeError, resolveFor } from "./place-error.ts";
import type { PullError } from "./read-pull-error.ts";

/** An error text with its meaning. Plain data without secrets. */
export interface ExplainedError {
  /** As it was printed, without queries. */
  readonly shown: string;
  /** Normalised; undefined where the text does not say. */
  readonly image?: string;
  /** Undefined: no host has a part in it. */
  readonly hop?: ErrorHop;
  readonly finding: Finding;
  /** Where what is shown is not the whole story, and what else there is to know. */
  readonly notes: readonly string[];
}

const SHOWN = 700;

export function explainPullError(error: PullError, context: ErrorContext): ExplainedError {
  const { code, image, text, isSandbox } = error;
  const shown = cleanText(text, SHOWN);
  const known = { shown, ...(image === undefined ? {} : { image: image.normalized }) };
  const sandbox = isSandbox ? [SANDBOX] : [];
  if (isNodeTrouble(code)) {
    const { cause, consequence, fix, where, severity = "error" } = describeNodeTrouble(code, error);
    const fate = fateWords(error, context);
    const finding: Finding = {
      code,
      severity,
      where: where ?? { kind: "url", url: known.image ?? "the image", hop: "before any host is asked" },
      fact: cause,
      consequence: fate === undefined ? consequence : `${consequence}; as the files say now, ${fate}`,
      fix,
    };
    return { ...known, finding, notes: sandbox };
  }
  const resolution = resolveFor(error, context);
  const hop = placeError(error, resolution, context);
  const { cause, fix } = describeHopError(error, hop);
  const hosts = hostNames(resolution);
  const finding: Finding = {
    code: findingOf(error, hop, resolution),
    severity: error.isSkip ? "warning" : "error",
    where: placeOf(error, hop),
    fact: cause,
    consequence: consequenceOf(error, hop, resolution, context),
    fix,
  };
  const doubts = doubtShownError(error, hop, { version: context.version, hosts });
  return { ...known, hop, finding, notes: [...sandbox, ...strangerNotes(hop, resolution), ...doubts] };
}

const SANDBOX =
  "it is the image of the pod sandbox (pause): until it is there, no pod at all starts on this node";

function findingOf({ code }: PullError, hop: ErrorHop, resolution: Resolution | undefined): FindingCode {
  if (code === "speaks-https") return "host-speaks-https";
  if (code === "login-refused-or-missing") return "host-wants-login";
  const isDeadEnd = hop.elsewhere !== undefined && hop.stage !== "token";
  const answer = hop.stage === "token" ? ofToken(code as AnswerCode) : (code as AnswerCode);
  // That a registry has a mirror is said of it only where that is known.
  const hasMirror = resolution?.hosts.some(({ role }) => role === "mirror") === true;
  const role = hop.role === "upstream" && !hasMirror ? "unknown" : hop.role;
  return findingOfAnswer(answer, { role, isDeadEnd }) ?? "answer-unusable";
}

/** Whatever keeps a token service from answering, there is no token. */
function ofToken(code: AnswerCode): AnswerCode {
  return code === "no-credentials" || code === "unknown-scheme" ? code : "token-unreachable";
}

const STAGES: Readonly<Record<ErrorHop["stage"], string>> = {
  resolve: "resolve",
  manifest: "manifest",
  blob: "blob",
  token: "token",
  unknown: "which request is not told",
};

function placeOf({ asked, image }: PullError, hop: ErrorHop): FindingPlace {
  const url = asked.url?.replace(/[?#].*$/, "") ?? hop.host ?? image?.normalized ?? "the pull";
  const { position } = hop;
  const role = hop.role === "unknown" ? nameHost(hop) : `the ${hop.role} ${nameHost(hop)}`;
  const where = position === undefined ? "" : `, host ${position.index} of ${position.of}`;
  return { kind: "url", url: cleanText(url), hop: `${STAGES[hop.stage]}, ${role}${where}` };
}

function consequenceOf(
  error: PullError,
  hop: ErrorHop,
  resolution: Resolution | undefined,
  context: ErrorContext,
): string {
  const fate = fateWords(error, context);
  const now = fate === undefined ? "" : `; as the files say now, ${fate}`;
  if (error.isSkip) return `${describeSkip(hop, resolution)}${now}`;
  const end = stopsPull(error)
    ? "the pull failed here: no later host is asked after this"
    : "the pull failed: no other host served it either";
  return `${end}${now}`;
}

function describeSkip({ position }: ErrorHop, resolution: Resolution | undefined): string {
  const hosts = (resolution?.hosts ?? []).filter(({ role }) => role !== "witness");
  const next = position === undefined ? undefined : hosts[position.index];
  if (next === undefined)
    return "containerd went on to the next host, if there is one: what that one has is pulled from there, and nobody is told";
  const silently = next.role === "upstream" ? ": the pull comes from the upstream, and nobody is told" : "";
  return `containerd went on to ${next.entry.host}${silently}`;
}

function fateWords({ image, code, detail }: PullError, { view }: ErrorContext): string | undefined {
  const namespace = image?.namespace ?? namespaceOfFile(detail);
  if (view === undefined || namespace === undefined || code === "image-name-refused") return undefined;
  return describeFate(fateOf(namespace, view));
}

/** `gcr.io` of `/etc/containerd/certs.d/gcr.io/hosts.toml`. */
function namespaceOfFile(path: string): string | undefined {
  const directory = /\/([^/]+)\/hosts\.toml$/.exec(path)?.[1];
  return directory === undefined ? undefined : namespaceOfDirectory(directory);
}

function hostNames(resolution: Resolution | undefined): readonly string[] {
  const hosts = (resolution?.hosts ?? []).filter(({ role }) => role !== "witness");
  return [...new Set(hosts.map(({ entry }) => entry.host))];
}

/** The error is of another time, or of another node. */
function strangerNotes(
  { host, position, resolved }: ErrorHop,
  resolution: Resolution | undefined,
): readonly string[] {
  const isStranger = host !== undefined && position === undefined && resolved === undefined;
  return isStranger && resolution !== undefined && resolution.hosts.length > 0
    ? [`${host} is not among the hosts that this node's files name now for ${resolution.namespace}`]
    : [];
}
