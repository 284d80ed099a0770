import type { TlsMaterial } from "../core/containerd/pull/tls-material.ts";
import type { Answer, Header } from "./ask.ts";
import { basicAuthorization, type Demand, type Login, readDemandAsContainerd } from "./authorize.ts";
import type { ExchangeLog } from "./exchange-log.ts";
import { fetchToken } from "./fetch-token.ts";
import type { HttpClient } from "./http-client.ts";
import type { Timeouts } from "./open-connection.ts";
import { RegistryError } from "./registry-error.ts";

export interface AuthorizerOptions {
  readonly client: HttpClient;
  /** Credentials for the host:port that asks. Throws RegistryError when they cannot be read. */
  readonly loginFor: (host: string) => Login | undefined;
  /** The host gets an Authorization header with every request, whatever it asks for. */
  readonly hasLoginHeader: boolean;
  /** Rights that a token is asked for besides those the registry names. */
  readonly scopes: readonly string[];
  /** How token services are asked. */
  readonly tls: TlsMaterial;
  readonly headers: readonly Header[];
  readonly timeouts?: Timeouts;
  readonly signal: AbortSignal;
}

/**
 * Answers challenges as containerd's docker authorizer does: nothing is sent before a host has asked for it, what it
 * asked for is sent to it from then on, a token is fetched once, and so is the failure to get one.
 */
export interface Authorizer {
  headerFor(url: URL, log: ExchangeLog): Promise<string | undefined>;
  /** What is sent to that host: nothing so far, a token that anybody gets, or what stands for a login. */
  sends(host: string): "anonymous" | "login" | undefined;
  /** Takes a 401. False: containerd cannot follow, so that the 401 stands. Throws RegistryError: so does it. */
  learn(answer: Answer): boolean;
}

type Handler =
  | { readonly kind: "basic"; readonly value: string }
  | {
      readonly kind: "bearer";
      readonly demand: Extract<Demand, { kind: "bearer" }>;
      readonly login: Login | undefined;
      readonly url: URL;
      token?: Promise<string>;
    };

export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { client, loginFor, hasLoginHeader, scopes, tls, headers, timeouts, signal } = options;
  const handlers = new Map<string, Handler>();
  return {
    sends(host) {
      const handler = handlers.get(host);
      if (handler === undefined) return undefined;
      return handler.kind === "bearer" && handler.login === undefined ? "anonymous" : "login";
    },
    async headerFor(url, log) {
      const handler = handlers.get(url.host);
      if (handler?.kind !== "bearer") return handler?.value;
      const ask = { url: handler.url, tls, headers, signal, ...(timeouts === undefined ? {} : { timeouts }) };
      handler.token ??= fetchToken(client, handler.demand, handler.login, scopes, ask, log);
      return handler.token;
    },
    learn({ url, challenges }) {
      const demand = readDemandAsContainerd(challenges);
      const { host } = url;
      if (demand.kind === "unknown") return false;
      const login = loginFor(host);
      if (demand.kind === "basic") {
        if (login === undefined || login.username === "" || login.password === "")
          throw new RegistryError({
            phase: "auth",
            host,
            ...(hasLoginHeader ? REFUSED_HEADER : { code: "no-credentials" }),
          });
        handlers.set(host, { kind: "basic", value: basicAuthorization(login) });
        return true;
      }
      if (demand.realm === undefined) throw new RegistryError({ phase: "token", code: "no-realm", host });
      const hasSecret = login !== undefined && login.password !== "";
      if (!handlers.has(host))
        handlers.set(host, { kind: "bearer", demand, login: hasSecret ? login : undefined, url });
      return true;
    },
  };
}

const REFUSED_HEADER = {
  code: "credentials-refused",
  detail: "the authorization header that hosts.toml gives it",
} as const;
