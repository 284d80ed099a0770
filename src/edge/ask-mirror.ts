import type { MirrorAsker, MirrorTarget, ProbeImage } from "../agent/evidence/probe-ports.ts";
import { objectUrl } from "../core/containerd/hosts-toml/host-entry.ts";
import { judgeHead } from "../core/containerd/pull/judge-answer.ts";
import type { AnswerCode } from "../core/containerd/pull/judgement.ts";
import type { PullRequest } from "../core/containerd/pull/pull-request.ts";
import { resolveHeaders } from "../core/containerd/pull/request-headers.ts";
import { placeHost } from "../core/containerd/resolved-host.ts";
import { describeAnswer } from "../core/evidence/describe-answer.ts";
import { proxyHint } from "../core/evidence/exchange.ts";
import type { FailureScope, ProbeAnswer } from "../core/evidence/probe-answer.ts";
import type { FailurePhase } from "../core/evidence/registry-failure.ts";
import { askRegistry, type RegistryAccess, type RegistryReply } from "../registry/ask-registry.ts";
import { createExchangeLog, type ExchangeLog } from "../registry/exchange-log.ts";
import type { HttpClient } from "../registry/http-client.ts";
import { openAccess, requestUrl } from "../registry/open-access.ts";
import { RegistryError } from "../registry/registry-error.ts";
import { API_PATH, refuseStranger } from "./judge-api.ts";
import { limitTo } from "./limit-to.ts";
import { toPullAnswer } from "./pull-answer.ts";

export interface MirrorAskerOptions {
  /** The client with the environment of the containerd that runs now. */
  readonly client: () => Promise<HttpClient>;
  /** For one question, redirects and tokens included, ms. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
/** The beginning of a page is enough to tell that it is one. */
const MAX_BYTES = 16 * 1024;

/** Asks as little as shows whether pulls could be served: at most a challenge, a token and two answers. */
export function createMirrorAsker({ client, timeoutMs = TIMEOUT_MS }: MirrorAskerOptions): MirrorAsker {
  return {
    async ask(target, signal) {
      const log = createExchangeLog();
      const limit = limitTo(timeoutMs, signal);
      try {
        const access = open(await client(), target, timeoutMs, limit.signal);
        const answer = target.image === undefined ? askApi : askImage;
        return await answer(access, target, log);
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
        const { phase, code } = error;
        const { cause } = error.failure;
        const hint = proxyHint(log.exchange(), code);
        const fix = hint === undefined ? error.failure.fix : `${error.failure.fix}; ${hint}`;
        const message = `${cause}; ${fix}`;
        const isDoubtful = target.image !== undefined && (phase === "http" || error.code === "token-refused");
        const scope = isDoubtful ? DOUBTFUL : SCOPES[phase];
        const failure = { phase, message, scope, code, cause, fix };
        return { failure, message, exchange: log.exchange() };
      } finally {
        limit.release();
      }
    },
  };
}

/** A mirror that fetches what it lacks may stumble over one image, or over all. */
const DOUBTFUL = "host-or-repository";

const SCOPES: Readonly<Record<FailurePhase, FailureScope>> = {
  dns: "host",
  connect: "host",
  http: "host",
  tls: "settings",
  auth: "settings",
  token: "settings",
};

function open(
  client: HttpClient,
  { entry, access, traits, image }: MirrorTarget,
  timeoutMs: number,
  signal: AbortSignal,
): RegistryAccess {
  const scopes = image === undefined ? [] : [`repository:${image.reference.repository}:pull`];
  const limits = { dialMs: timeoutMs, handshakeMs: timeoutMs, responseMs: timeoutMs };
  return openAccess({ client, entry, scopes, ...access, traits, limits, signal });
}

async function askImage(
  registry: RegistryAccess,
  { entry, access, traits, image }: MirrorTarget,
  log: ExchangeLog,
): Promise<ProbeAnswer> {
  const { reference, isExpected } = image as ProbeImage;
  const { target } = reference;
  const object = target.kind === "tag" ? target.tag : target.digest;
  const request: PullRequest = {
    host: 0,
    stage: "resolve",
    method: "HEAD",
    url: objectUrl(entry, reference, "manifests", object),
    isManifest: true,
    mediaType: "",
    isLastHost: false,
    hash: "sha256",
    maxBytes: MAX_BYTES,
    isReached: true,
  };
  const url = requestUrl(request.url, entry);
  const headers = resolveHeaders({ entry, global: access.config.headers }, traits);
  const asked = await askRegistry(registry, { ...request, url, headers, isPatient: false }, log);
  const reply = toPullAnswer(asked, request.hash, log.exchange());
  const judged = judgeHead(reply, target.kind === "digest" ? target.digest : undefined, traits);
  // A portal's page has no digest either; containerd would see what it is at the GET that is not made here.
  const isPage = judged.move === "asks" && /html/i.test(reply.mediaType);
  const judgement = isPage ? ({ move: "stops", code: "web-page" } as const) : judged;
  const { exchange } = reply;
  if (judgement.move === "serves" || judgement.move === "asks")
    return { message: `has ${reference.normalized}`, exchange };
  const words = describeAnswer({ request, reply, judgement }, placeHost(entry, reference));
  if (
    words === undefined ||
    (judgement.code === "not-found" && !isExpected && !words.fix.includes("override_path"))
  )
    return { message: `answers, and does not have ${reference.normalized}`, exchange };
  const { code } = judgement;
  const message = `${words.cause}; ${words.fix}`;
  return {
    failure: { phase: "manifest", message, scope: scopeOf(code), code, ...words },
    message,
    exchange,
  };
}

function scopeOf(code: AnswerCode): FailureScope {
  if (code === "unauthorized") return "settings";
  return code === "server-error" || code === "rate-limited" ? DOUBTFUL : "repository";
}

async function askApi(
  registry: RegistryAccess,
  { entry, access, traits }: MirrorTarget,
  log: ExchangeLog,
): Promise<ProbeAnswer> {
  const headers = resolveHeaders({ entry, global: access.config.headers }, traits);
  const ask = { method: "GET", headers, isManifest: false, isLastHost: false, maxBytes: MAX_BYTES } as const;
  const at = (path: string): URL => requestUrl(`${entry.scheme}://${entry.host}${path}`, entry);
  const get = (url: URL) => askRegistry(registry, { ...ask, url, isPatient: false }, log);
  let url = at(API_PATH);
  let reply = await get(url);
  // Only a proxy that forwards nothing but the mirror's own path has nothing there.
  if (reply.answer.status === 404 && entry.path !== "/v2" && entry.path !== "") {
    url = at(`${entry.path}/`);
    reply = await get(url);
  }
  refuseApi(reply, url, entry.host);
  return { message: "answers", exchange: log.exchange() };
}

function refuseApi({ answer, refused }: RegistryReply, url: URL, host: string): void {
  if (answer.status !== 401) {
    refuseStranger(answer, url);
    return;
  }
  // Who lets nobody unknown in here may let everybody in at public repositories.
  if (refused === "anonymous") return;
  if (refused === undefined) {
    const detail = answer.challenges.length === 0 ? "no way to log in" : "none that it can use";
    throw new RegistryError({ phase: "auth", code: "unknown-scheme", host, detail });
  }
  const detail = "the credentials of config.toml (status 401)";
  throw new RegistryError({ phase: "auth", code: "credentials-refused", host, detail });
}
