import type { ContainerdVersion } from "../../../containerd/version.ts";
import type { ErrorHop } from "./place-error.ts";
import type { PullError } from "./read-pull-error.ts";

/** Of the errors of all hosts containerd shows one, and which one depends on the release. */
type Rank = "answer" | "not-found" | "no-answer";

/**
 * Where the error that is shown is not the whole story: sentences for whoever is about to blame the host in it.
 * Rules, from the resolver and the fetcher of each release: up to 1.7 the first error that is no 404; from 2.0 on
 * statuses before 404 before connections and logins, the first of its kind; contents always the first host's.
 */
export function doubtShownError(
  error: PullError,
  hop: ErrorHop,
  { version, hosts }: { readonly version?: ContainerdVersion | undefined; readonly hosts: readonly string[] },
): readonly string[] {
  if (error.isSkip || stopsPull(error)) return [];
  const others = hosts.filter((host) => host !== hop.host);
  // With one host there is one error.
  if (hosts.length === 1) return [];
  const { stage } = error.asked;
  if (stage === "blob" || stage === "manifest")
    return [
      `containerd shows the error of the first host it fetches from; ${nameAll(others)} failed too, and why is not in the text`,
    ];
  const rank = rankOf(error);
  const major = error.era ?? version?.major;
  const rules = [
    ...(major === undefined || major < 2 ? [old(rank, hop, hosts)] : []),
    ...(major === undefined || major >= 2 ? [recent(rank, others)] : []),
  ];
  return [...rules, HOW_TO_SEE];
}

const HOW_TO_SEE =
  "what every host answers: mirrorlet explain IMAGE; what they answered then: the lines `trying next host` in containerd's log, which 1.x has for a 404 and for no answer only";

function old(rank: Rank, { host }: ErrorHop, hosts: readonly string[]): string {
  if (rank === "not-found") return "containerd 1.x shows `not found` only when every host has answered 404";
  const index = host === undefined ? -1 : hosts.indexOf(host);
  const before = index > 0 ? `; ${nameAll(hosts.slice(0, index))} answered 404` : "";
  const after = index >= 0 && index < hosts.length - 1 ? nameAll(hosts.slice(index + 1)) : "hosts behind it";
  return `containerd 1.x shows the first error that is no 404${before}; ${after} failed too, perhaps with the 404 that is the real cause, and that is not in the text`;
}

function recent(rank: Rank, others: readonly string[]): string {
  if (rank === "no-answer")
    return "containerd 2.x shows a connection or a login that fails only when no host gave any answer, and then the first one's: all of them failed like this";
  if (rank === "not-found")
    return `containerd 2.x shows 404 before connections and logins that fail: ${nameAll(others)} may not have been reached at all, and that is not in the text`;
  return `containerd 2.x shows a status other than 404 before everything else: what ${nameAll(others)} did, a 404 or no answer, is not in the text`;
}

function nameAll(hosts: readonly string[]): string {
  return hosts.length === 0
    ? "other hosts, such as the mirror or the registry itself,"
    : hosts.slice(0, 4).join(", ");
}

function rankOf({ code, asked }: PullError): Rank {
  if (code === "not-found") return "not-found";
  const isAnswer = ["forbidden", "rate-limited", "server-error", "other-status"].includes(code);
  // The status of a token service counts as a login that fails.
  if (isAnswer && asked.stage !== "token") return "answer";
  return code === "login-refused-or-missing" && asked.method !== undefined ? "answer" : "no-answer";
}

/** The pull ends at that host, although a later one may be good. */
export function stopsPull({ code, asked }: PullError): boolean {
  const isFetch = asked.stage === "blob" || asked.stage === "manifest";
  return STOPS.includes(code) && !(isFetch && code === "redirect-to-nowhere");
}

const STOPS: readonly PullError["code"][] = [
  "redirect-to-nowhere",
  "web-page",
  "wrong-type",
  "wrong-bytes",
  "short-body",
  "cut-body",
  "bad-digest-header",
  "digest-unknown",
  "schema-1",
  "no-platform",
  "no-content",
];
