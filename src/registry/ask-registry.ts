import { nextTry } from "../core/containerd/pull/next-try.ts";
import type { TlsMaterial } from "../core/containerd/pull/tls-material.ts";
import type { ContainerdTraits } from "../core/containerd/version.ts";
import type { Answer, Header, HttpFallback } from "./ask.ts";
import type { Authorizer } from "./authorizer.ts";
import type { ExchangeLog } from "./exchange-log.ts";
import type { HttpClient } from "./http-client.ts";
import type { Timeouts } from "./open-connection.ts";

/** A registry host as containerd keeps it for the time of a pull. */
export interface RegistryAccess {
  readonly client: HttpClient;
  readonly authorizer: Authorizer;
  readonly tls: TlsMaterial;
  readonly timeouts: Timeouts;
  readonly fallback?: HttpFallback;
  readonly traits: ContainerdTraits;
  readonly signal: AbortSignal;
}

export interface RegistryAsk {
  readonly method: "GET" | "HEAD";
  readonly url: URL;
  readonly headers: readonly Header[];
  readonly isManifest: boolean;
  readonly isLastHost: boolean;
  readonly maxBytes: number;
  /** False: an answer that containerd would ask again for, only to get another one, counts at once. */
  readonly isPatient: boolean;
}

export interface RegistryReply {
  readonly answer: Answer;
  /** GET where HEAD is not allowed. */
  readonly method: "GET" | "HEAD";
  /** 401 to what was sent. containerd repeats that, which is not done here: it could lock an account. */
  readonly refused?: "anonymous" | "login";
}

/** Asks until there is an answer that counts, as containerd does. Rejects with RegistryError. */
export async function askRegistry(
  { client, authorizer, tls, timeouts, fallback, traits, signal }: RegistryAccess,
  { url, headers, isManifest, isLastHost, maxBytes, isPatient, ...ask }: RegistryAsk,
  log: ExchangeLog,
): Promise<RegistryReply> {
  let method = ask.method;
  let previousStatus: number | undefined;
  for (let tries = 1; ; tries++) {
    const sent = new Map<string, "anonymous" | "login">();
    const authorize = async (to: URL): Promise<string | undefined> => {
      const what = authorizer.sends(to.host);
      if (what !== undefined) sent.set(to.host, what);
      return authorizer.headerFor(to, log);
    };
    const { loginCrossesPorts } = traits;
    const request = { method, url, tls, headers, authorize, loginCrossesPorts, maxBytes, timeouts, signal };
    const answer = await client.ask({ ...request, ...(fallback === undefined ? {} : { fallback }) }, log);
    const { status } = answer;
    const next = nextTry({ status, method, isManifest, tries, previousStatus, isLastHost }, traits);
    const refused = next === "authorize" ? sent.get(answer.url.host) : undefined;
    if (refused !== undefined) return { answer, method, refused };
    const isOver = next === "done" || (next === "again" && !isPatient);
    if (isOver || (next === "authorize" && !authorizer.learn(answer))) return { answer, method };
    if (next === "get") method = "GET";
    previousStatus = status;
    log.nextTry();
  }
}
