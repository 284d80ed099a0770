import type { HostEntry } from "../../../containerd/hosts-toml/host-entry.ts";
import type { AnswerCode } from "../../../containerd/pull/judgement.ts";
import type { PullReply, PullRequest } from "../../../containerd/pull/pull-request.ts";
import type { Visit } from "../../../containerd/pull/pull-walk.ts";
import type { ResolvedHost } from "../../../containerd/resolved-host.ts";
import { describeAnswer, describeRedirect, type Words } from "../../../evidence/describe-answer.ts";
import { describeFailure, isFailureCode } from "../../../evidence/describe-failure.ts";
import type { FailureCode } from "../../../evidence/registry-failure.ts";
import type { ErrorHop } from "./place-error.ts";
import type { PullError } from "./read-pull-error.ts";

const SOMEBODY = "a host that the text does not name";

/** host:port, or the best that can be said. */
export function nameHost({ host, candidates }: Pick<ErrorHop, "host" | "candidates">): string {
  if (host !== undefined) return host;
  const names = [...new Set(candidates.map(({ entry }) => entry.host))];
  return names.length === 0 ? SOMEBODY : `one of ${names.slice(0, 4).join(", ")}`;
}

/** What a host did wrong and how to mend it, in the words that explain has for it. */
export function describeHopError(error: PullError, hop: ErrorHop): Words {
  const { code, detail } = error;
  const name = nameHost(hop);
  switch (code) {
    case "speaks-https":
      return {
        cause: `${name}: it speaks https on this port, and is asked in plain http`,
        fix: "write https:// for it in hosts.toml",
      };
    case "login-refused-or-missing":
      return {
        cause: `${name} answers ${detail}: it wants credentials that it was not sent, does not take those that it was sent, or does not have the repository for whoever asks`,
        fix: "check which credentials pulls send (pull secrets go to every host that asks for a login), and their right to this repository; robot accounts expire",
      };
  }
  return isFailureCode(code)
    ? describeNoAnswer(code, error, hop)
    : (describeAnswer(asVisit(code as AnswerCode, error, hop), hostAs(hop)) ?? { cause: name, fix: "" });
}

function describeNoAnswer(code: FailureCode, { detail, asked }: PullError, hop: ErrorHop): Words {
  const name = nameHost(hop);
  const { elsewhere } = hop;
  if (isAboutLogin(code))
    return describeFailure({ phase: "auth", code, host: name, detail: loginDetail(code, detail, elsewhere) });
  const words = describeFailure({ phase: "http", code, host: elsewhere ?? name, detail });
  if (asked.stage === "token")
    return describeFailure({ phase: "token", code: "token-unreachable", host: name, detail: words.cause });
  if (elsewhere !== undefined) return describeRedirect(name, elsewhere, words);
  const mayBeHttps = code === "closed" && asked.url?.startsWith("http:") === true;
  return mayBeHttps
    ? { ...words, fix: `if it speaks https on this port, write https:// for it; ${words.fix}` }
    : words;
}

function isAboutLogin(code: FailureCode): boolean {
  return ["no-credentials", "unknown-scheme", "no-realm", "token-refused", "no-token"].includes(code);
}

/** What the words of explain have room for, as far as a text gives it. */
function loginDetail(code: FailureCode, detail: string, elsewhere: string | undefined): string {
  if (code === "no-token") return elsewhere ?? "(not named here)";
  return code === "token-refused" ? `the request (${detail})` : detail;
}

function asVisit(code: AnswerCode, { detail, asked }: PullError, { elsewhere }: ErrorHop): Visit {
  const url = asked.url ?? "";
  const hops =
    elsewhere === undefined ? [] : [{ method: "GET", url: `https://${elsewhere}`, durationsMs: {} }];
  const status = Number(/^\d{3}/.exec(detail)?.[0] ?? 200);
  const reply: PullReply = {
    kind: "answer",
    method: asked.method ?? "GET",
    status,
    mediaType: code === "wrong-type" ? detail : "",
    digestHeader: code === "bad-digest-header" ? detail : "",
    isRefused: false,
    exchange: { hops, tokens: [], tries: 1 },
  };
  const request: PullRequest = {
    host: 0,
    stage: asked.stage === "blob" ? "config" : "resolve",
    method: asked.method === "GET" ? "GET" : "HEAD",
    url,
    isManifest: asked.stage !== "blob",
    mediaType: "",
    isLastHost: false,
    hash: "sha256",
    maxBytes: 0,
    isReached: true,
  };
  return { request, reply, judgement: { move: "next", code } };
}

/** One that the node's configuration does not have, or that is not known. */
function hostAs(hop: ErrorHop): ResolvedHost {
  if (hop.resolved !== undefined) return hop.resolved;
  const entry: HostEntry = {
    written: "",
    scheme: "https",
    host: nameHost(hop),
    path: "/v2",
    capabilities: [],
    httpsFirst: false,
    isRoot: false,
  };
  const none = { url: "" };
  const role = hop.role === "unknown" ? "mirror" : hop.role;
  return { entry, role, resolves: true, resolve: { method: "HEAD", ...none }, manifest: none, blob: none };
}
