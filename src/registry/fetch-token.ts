import type { FailureCode } from "../core/evidence/registry-failure.ts";
import type { Answer, Ask } from "./ask.ts";
import { basicAuthorization, type Demand, type Login, type TokenAsk } from "./authorize.ts";
import { createExchangeLog, type ExchangeLog } from "./exchange-log.ts";
import { type HttpClient, statusText } from "./http-client.ts";
import { refuseLinkLocal } from "./redirect.ts";
import { RegistryError } from "./registry-error.ts";

/** Tokens that list many rights are long. */
const MAX_TOKEN_BYTES = 256 * 1024;
/** Names the client to services that ask who it is; containerd's own. */
const CLIENT_ID = "containerd-client";

/**
 * Fetches a token as containerd does: with a login by POST (OAuth 2), and by GET where the service does not take
 * that; without one by GET. Returns the Authorization header. `ask` is the request that was challenged.
 * https://distribution.github.io/distribution/spec/auth/token/, …/oauth/
 */
export async function fetchToken(
  client: HttpClient,
  demand: Extract<Demand, { kind: "bearer" }>,
  login: Login | undefined,
  scopes: readonly string[],
  ask: TokenAsk,
  log: ExchangeLog = createExchangeLog(),
): Promise<string> {
  const realm = readRealm(demand, login, ask.url);
  const wanted = [...new Set([...scopes, ...(demand.scope?.split(" ") ?? [])])].sort();
  const token: TokenRequest = { realm, service: demand.service ?? "", scopes: wanted, login };
  const endOfToken = log.beginToken();
  try {
    const byForm = login === undefined ? undefined : await send(client, postOf(token, login, ask), ask, log);
    if (byForm !== undefined && !mayTryGet(byForm.status, login)) return read(byForm, token, ask.url, "form");
    return read(await send(client, getOf(token, ask), ask, log), token, ask.url, "get");
  } finally {
    endOfToken();
  }
}

interface TokenRequest {
  readonly realm: URL;
  readonly service: string;
  readonly scopes: readonly string[];
  readonly login: Login | undefined;
}

function readRealm({ realm }: { realm?: string }, login: Login | undefined, from: URL): URL {
  if (realm === undefined || !URL.canParse(realm) || !/^https?:/i.test(realm)) {
    const detail = realm === undefined ? "" : `: ${JSON.stringify(realm.slice(0, 200))} is no URL`;
    throw new RegistryError({ phase: "token", code: "no-realm", host: from.host, detail });
  }
  const url = new URL(realm);
  refuseLinkLocal(url, from);
  if (login !== undefined && url.protocol === "http:" && from.protocol === "https:") {
    const detail = `the token service ${url.host}`;
    throw new RegistryError({ phase: "token", code: "credentials-withheld", host: from.host, detail });
  }
  return url;
}

function getOf({ realm, service, scopes, login }: TokenRequest, ask: TokenAsk): Ask {
  const url = new URL(realm);
  if (service !== "") url.searchParams.append("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  const own = login === undefined ? [] : [["Authorization", basicAuthorization(login)] as const];
  const headers = (ask.headers ?? []).filter(
    ([name]) => login === undefined || name.toLowerCase() !== "authorization",
  );
  return {
    ...ask,
    method: "GET",
    url,
    from: ask.url,
    headers: [...headers, ...own],
    maxBytes: MAX_TOKEN_BYTES,
  };
}

function postOf({ realm, service, scopes }: TokenRequest, login: Login, ask: TokenAsk): Ask {
  const form = new URLSearchParams();
  if (scopes.length > 0) form.set("scope", scopes.join(" "));
  form.set("service", service);
  form.set("client_id", CLIENT_ID);
  if (login.username === "") {
    form.set("grant_type", "refresh_token");
    form.set("refresh_token", login.password);
  } else {
    form.set("grant_type", "password");
    form.set("username", login.username);
    form.set("password", login.password);
  }
  return {
    ...ask,
    method: "POST",
    url: realm,
    from: ask.url,
    form: form.toString(),
    maxBytes: MAX_TOKEN_BYTES,
  };
}

/** Services without POST: GCR answers 404, Artifactory 401, ACR 400. */
function mayTryGet(status: number, login: Login | undefined): boolean {
  return [400, 401, 404].includes(status) || (status === 405 && login?.username !== "");
}

async function send(client: HttpClient, ask: Ask, from: TokenAsk, log: ExchangeLog): Promise<Answer> {
  try {
    return await client.ask(ask, log);
  } catch (error) {
    if (error instanceof RegistryError && WITHHELD.includes(error.code)) throw error;
    const words = error instanceof RegistryError ? error.failure.cause : String(error);
    const { host } = from.url;
    throw new RegistryError({ phase: "token", code: "token-unreachable", host, detail: words }, error);
  }
}

/** What is not done here and might well be there. */
const WITHHELD: readonly FailureCode[] = ["credentials-withheld", "link-local", "loopback"];

function read(answer: Answer, { realm, login }: TokenRequest, from: URL, by: "form" | "get"): string {
  const { host } = from;
  if (answer.status < 200 || answer.status > 399) {
    const who = login === undefined ? "without credentials" : "for the configured credentials";
    const detail = `a token ${who}: status ${statusText(answer.status)} from ${realm.host}`;
    throw new RegistryError({ phase: "token", code: "token-refused", host, detail });
  }
  const token = tokenIn(answer.body, by);
  if (token === undefined)
    throw new RegistryError({ phase: "token", code: "no-token", host, detail: realm.host });
  return `Bearer ${token}`;
}

/** By form only `access_token` counts, otherwise `token` does too. */
function tokenIn(body: Buffer, by: "form" | "get"): string | undefined {
  try {
    const { token, access_token: accessToken } = JSON.parse(body.toString("utf8")) as {
      token?: unknown;
      access_token?: unknown;
    };
    const found = by === "form" || (accessToken !== undefined && accessToken !== "") ? accessToken : token;
    // Goes into a header: nothing but a token's own characters.
    return typeof found === "string" && /^[\w.~+/=:-]+$/.test(found) ? found : undefined;
  } catch {
    return undefined;
  }
}
