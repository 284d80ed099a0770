import type { PullWalker, WalkTarget } from "../agent/evidence/probe-ports.ts";
import type { PullReply, PullRequest } from "../core/containerd/pull/pull-request.ts";
import { fetchHeaders, type Header, resolveHeaders } from "../core/containerd/pull/request-headers.ts";
import { walkPull } from "../core/containerd/pull/walk-pull.ts";
import type { ResolvedHost } from "../core/containerd/resolved-host.ts";
import { askRegistry, type RegistryAccess } from "../registry/ask-registry.ts";
import { createExchangeLog } from "../registry/exchange-log.ts";
import type { HttpClient } from "../registry/http-client.ts";
import { openAccess, requestUrl } from "../registry/open-access.ts";
import type { Timeouts } from "../registry/open-connection.ts";
import { RegistryError } from "../registry/registry-error.ts";
import { toPullAnswer } from "./pull-answer.ts";

export interface PullWalkerOptions {
  /** The client with the environment of the containerd that runs now. */
  readonly client: () => Promise<HttpClient>;
  readonly limits?: Timeouts;
}

const LIMITS: Timeouts = { dialMs: 10_000, handshakeMs: 10_000, responseMs: 10_000 };

/** Goes the way of a pull on the network. What it fetches is looked at and forgotten. */
export function createPullWalker({ client, limits = LIMITS }: PullWalkerOptions): PullWalker {
  return {
    async walk(target, signal, onRequest = () => undefined) {
      const open = createAccesses(await client(), target, limits, signal);
      const steps = walkPull(target.plan);
      let step = steps.next();
      while (step.done !== true) {
        const request = step.value;
        onRequest(request);
        step = steps.next(await ask(request, target, open(request), signal));
      }
      return step.value;
    },
  };
}

/**
 * containerd makes its clients, with their caches of credentials and tokens, once to resolve and once more to fetch.
 */
function createAccesses(
  client: HttpClient,
  { plan, access }: WalkTarget,
  limits: Timeouts,
  signal: AbortSignal,
) {
  const opened = new Map<string, RegistryAccess>();
  const scopes = [`repository:${plan.reference.repository}:pull`];
  return (request: PullRequest): RegistryAccess => {
    const key = `${request.stage === "resolve" ? "resolve" : "fetch"} ${request.host}`;
    const { entry } = hostOf(plan.hosts, request);
    const known = opened.get(key);
    const found =
      known ?? openAccess({ client, entry, scopes, ...access, traits: plan.traits, limits, signal });
    opened.set(key, found);
    return found;
  };
}

async function ask(
  request: PullRequest,
  { plan, access }: WalkTarget,
  registry: RegistryAccess,
  signal: AbortSignal,
): Promise<PullReply> {
  const { entry } = hostOf(plan.hosts, request);
  const log = createExchangeLog();
  try {
    if (signal.aborted) throw new RegistryError({ phase: "http", code: "time-over", host: entry.host });
    const headers = headersOf(request, { entry, global: access.config.headers }, plan.traits);
    const url = requestUrl(request.url, entry);
    const reply = await askRegistry(registry, { ...request, url, headers, isPatient: true }, log);
    return toPullAnswer(reply, request.hash, log.exchange());
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const over = new RegistryError({ phase: error.phase, code: "time-over", host: entry.host });
    const { failure } = signal.aborted ? over : error;
    return { kind: "failure", failure, exchange: log.exchange() };
  }
}

function hostOf(hosts: readonly ResolvedHost[], { host }: PullRequest): ResolvedHost {
  const found = hosts[host];
  if (found === undefined) throw new RangeError(`no host ${host}`);
  return found;
}

function headersOf(
  { stage, mediaType }: PullRequest,
  sources: Parameters<typeof resolveHeaders>[0],
  traits: WalkTarget["plan"]["traits"],
): readonly Header[] {
  return stage === "resolve" ? resolveHeaders(sources, traits) : fetchHeaders(sources, mediaType, traits);
}
