import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Ask, HttpClient } from "./http-client.ts";
import { refuseLinkLocal } from "./http-client.ts";
import { RegistryError } from "./registry-error.ts";

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** How a registry asked for credentials, as far as this client can follow. */
export type Demand =
  | { readonly kind: "basic" }
  | { readonly kind: "bearer"; readonly realm: string; readonly service?: string; readonly scope?: string }
  | { readonly kind: "unknown"; readonly offered: readonly string[] };

/** Basic wins where both are offered: it takes no second server. */
export function readDemand(headerValues: readonly string[]): Demand {
  const challenges = parseChallenges(headerValues);
  const find = (scheme: string): Challenge | undefined => challenges.find((one) => one.scheme === scheme);
  if (find("basic") !== undefined) return { kind: "basic" };
  const parameters = find("bearer")?.parameters;
  const realm = parameters?.get("realm");
  if (parameters === undefined || realm === undefined) {
    return { kind: "unknown", offered: challenges.map(({ scheme }) => scheme) };
  }
  const service = parameters.get("service");
  const scope = parameters.get("scope");
  return {
    kind: "bearer",
    realm,
    ...(service === undefined ? {} : { service }),
    ...(scope === undefined ? {} : { scope }),
  };
}

export function basicAuthorization({ username, password }: Login): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/**
 * Fetches a token as https://distribution.github.io/distribution/spec/auth/token/ describes, with the login if
 * there is one, anonymously otherwise; returns the Authorization header. `ask` is the request that was challenged.
 */
export async function fetchToken(
  client: HttpClient,
  demand: Extract<Demand, { kind: "bearer" }>,
  login: Login | undefined,
  ask: Ask,
): Promise<string> {
  const url = tokenUrl(demand, login, ask.url);
  const { authorization: _unused, ...rest } = ask;
  const authorization = login === undefined ? {} : { authorization: basicAuthorization(login) };
  const answer = await client
    .ask({ ...rest, ...authorization, method: "GET", url })
    .catch((error: unknown) => {
      const words = error instanceof Error ? error.message : String(error);
      throw new RegistryError(
        "token",
        `the token service of ${ask.url.host} gives no answer: ${words}`,
        error,
      );
    });
  if (answer.status !== 200) {
    const who =
      login === undefined ? "a token without credentials" : "a token for the configured credentials";
    throw new RegistryError(
      "token",
      `the token service ${url.host} of ${ask.url.host} refuses ${who}: status ${answer.status}`,
    );
  }
  return `Bearer ${readToken(answer.body, url)}`;
}

function tokenUrl(demand: Extract<Demand, { kind: "bearer" }>, login: Login | undefined, from: URL): URL {
  if (!URL.canParse(demand.realm) || !/^https?:/i.test(demand.realm)) {
    throw new RegistryError(
      "token",
      `${from.host} names a token service that is no URL: ${JSON.stringify(demand.realm.slice(0, 200))}`,
    );
  }
  const url = new URL(demand.realm);
  refuseLinkLocal(url, from);
  if (login !== undefined && url.protocol === "http:" && from.protocol === "https:") {
    throw new RegistryError(
      "token",
      `${from.host} sends us to the token service ${url.host} over plain http: the credentials were not sent there; let it name an https realm`,
    );
  }
  if (demand.service !== undefined) url.searchParams.set("service", demand.service);
  if (demand.scope !== undefined)
    for (const scope of demand.scope.split(" ")) url.searchParams.append("scope", scope);
  return url;
}

function readToken(body: string, url: URL): string {
  try {
    const { token, access_token: accessToken } = JSON.parse(body) as {
      token?: unknown;
      access_token?: unknown;
    };
    const found = token ?? accessToken;
    // Goes into a header: nothing but a token's own characters.
    if (typeof found === "string" && /^[\w.~+/=:-]+$/.test(found)) return found;
  } catch {
    // Not JSON: said below.
  }
  throw new RegistryError("token", `the token service ${url.host} answers 200 without a token`);
}
