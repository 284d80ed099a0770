import type { PushLogin } from "../../core/bundle/push/docker-logins.ts";
import { isPassing } from "../../core/bundle/push/retry-delay.ts";
import type { TlsMaterial } from "../../core/containerd/pull/tls-material.ts";
import type { Answer, Ask } from "../../registry/ask.ts";
import { basicAuthorization, type Demand } from "../../registry/authorize.ts";
import { type HttpClient, statusText } from "../../registry/http-client.ts";
import { RegistryError } from "../../registry/registry-error.ts";

export interface TokenAsk {
  readonly client: HttpClient;
  /** Of the registry. */
  readonly url: URL;
  readonly tls: TlsMaterial;
  readonly demand: Extract<Demand, { kind: "bearer" }>;
  readonly login: PushLogin | undefined;
  readonly scopes: readonly string[];
  readonly signal: AbortSignal;
}

export interface Token {
  /** Value of the Authorization header. */
  readonly header: string;
  readonly lifetimeMs: number;
}

/** The token service is busy, or gone for a moment. */
export class TokenBusyError extends Error {
  override readonly name = "TokenBusyError";
  readonly retryable = true;
  readonly retryAfter: string | undefined;
  constructor(message: string, retryAfter?: string) {
    super(message);
    this.retryAfter = retryAfter;
  }
}

/** The token service gives none. */
export class TokenRefusedError extends RegistryError {
  readonly status: number;
  constructor(host: string, status: number, detail: string) {
    super({ phase: "token", code: "token-refused", host, detail });
    this.status = status;
  }
}

const MAX_TOKEN_BYTES = 256 * 1024;
/** Of a token whose service does not say: https://distribution.github.io/distribution/spec/auth/token/ */
const DEFAULT_LIFETIME_MS = 60_000;

/**
 * Fetches a token for a push: by GET with a login, by POST with an identity token, as the docker client does. A login
 * is not sent from https to http. Rejects with RegistryError, or with TokenBusyError where another try may succeed.
 */
export async function fetchPushToken(ask: TokenAsk): Promise<Token> {
  const { client, url: from, login } = ask;
  const realm = readRealm(ask);
  const answer = await client.ask(
    login?.kind === "identity-token" ? postOf(ask, realm, login.token) : getOf(ask, realm),
  );
  if (isPassing(answer.status))
    throw new TokenBusyError(
      `the token service ${realm.host} answers ${statusText(answer.status)}`,
      answer.headers["retry-after"],
    );
  if (answer.status !== 200) {
    const who = login === undefined ? "without a login" : "for this login";
    const detail = `a token ${who}: status ${statusText(answer.status)} from ${realm.host}`;
    throw new TokenRefusedError(from.host, answer.status, detail);
  }
  const token = readToken(answer);
  if (token === undefined)
    throw new RegistryError({ phase: "token", code: "no-token", host: from.host, detail: realm.host });
  return token;
}

function readRealm({ demand: { realm }, login, url: from }: TokenAsk): URL {
  if (realm === undefined || !URL.canParse(realm) || !/^https?:/i.test(realm)) {
    const detail = realm === undefined ? "" : `: ${JSON.stringify(realm.slice(0, 200))} is no URL`;
    throw new RegistryError({ phase: "token", code: "no-realm", host: from.host, detail });
  }
  const url = new URL(realm);
  if (login !== undefined && url.protocol === "http:" && from.protocol === "https:") {
    const detail = `the token service ${url.host}`;
    throw new RegistryError({ phase: "token", code: "credentials-withheld", host: from.host, detail });
  }
  return url;
}

function getOf(ask: TokenAsk, realm: URL): Ask {
  const { demand, login, scopes } = ask;
  const url = new URL(realm);
  if (demand.service !== undefined) url.searchParams.append("service", demand.service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  const headers = login?.kind === "login" ? ([["Authorization", basicAuthorization(login)]] as const) : [];
  return { ...common(ask), method: "GET", url, headers };
}

function postOf(ask: TokenAsk, realm: URL, identityToken: string): Ask {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    refresh_token: identityToken,
    client_id: "mirrorlet",
    service: ask.demand.service ?? "",
    scope: ask.scopes.join(" "),
  });
  return { ...common(ask), method: "POST", url: realm, form: form.toString(), staysPut: true };
}

function common({ url, tls, signal }: TokenAsk): Pick<Ask, "from" | "tls" | "signal" | "maxBytes"> {
  return { from: url, tls, signal, maxBytes: MAX_TOKEN_BYTES };
}

function readToken({ body }: Answer): Token | undefined {
  try {
    const {
      token,
      access_token: access,
      expires_in: seconds,
    } = JSON.parse(body.toString("utf8")) as Record<string, unknown>;
    const found = typeof token === "string" && token !== "" ? token : access;
    // Goes into a header: nothing but a token's own characters.
    if (typeof found !== "string" || !/^[\w.~+/=:-]+$/.test(found)) return undefined;
    const isStated = typeof seconds === "number" && Number.isFinite(seconds) && seconds > 0;
    return { header: `Bearer ${found}`, lifetimeMs: isStated ? seconds * 1000 : DEFAULT_LIFETIME_MS };
  } catch {
    return undefined;
  }
}
