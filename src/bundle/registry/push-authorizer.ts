import type { PushLogin } from "../../core/bundle/push/docker-logins.ts";
import { basicAuthorization, type Demand, readDemand } from "../../registry/authorize.ts";
import { RegistryError } from "../../registry/registry-error.ts";
import { fetchPushToken, type Token, type TokenAsk } from "./fetch-push-token.ts";
import type { FindLogin } from "./find-login.ts";

export interface AuthorizerOptions extends Pick<TokenAsk, "client" | "url" | "tls" | "signal"> {
  /** What is shown where this repository is concerned; "": where none is. */
  readonly loginFor: FindLogin;
  readonly now: () => number;
}

/** What a request needs to be allowed: to push to a repository, and to mount from another; or to pull from it. */
export interface Rights {
  readonly repository: string;
  readonly from?: string | undefined;
  /** No repository is asked for: this one only tells whose login counts. */
  readonly isLoginOnly?: true;
  /** Nothing is to be sent there. */
  readonly isPull?: true;
  /** Something there is to be deleted, which many who may push may not. */
  readonly isDelete?: true;
}

/** Answers the challenges of one registry. Nothing is sent before it has asked for it. */
export interface PushAuthorizer {
  /** The Authorization header; undefined: none. Tokens are renewed before they end. */
  headerFor(rights: Rights): Promise<string | undefined>;
  /** Takes a 401, which came for what was `sent`. False: asking again with the same login is of no use. */
  learn(challenges: readonly string[], rights: Rights, sent: string | undefined): Promise<boolean>;
}

/** A token is not used any more in the last quarter of its life. */
const USED_SHARE = 0.75;

export function createPushAuthorizer(options: AuthorizerOptions): PushAuthorizer {
  const { url, loginFor, now } = options;
  const tokens = new Map<string, { readonly untilMs: number; readonly header: string }>();
  const fetching = new Map<string, Promise<string>>();
  let demand: Demand | undefined;

  /** Logins of helpers end, those of clouds after hours. Undefined: there is no other than the one that was refused. */
  const renewLogin = async (
    repository: string,
    refused: PushLogin | undefined,
  ): Promise<PushLogin | undefined> => {
    if (refused === undefined) return undefined;
    const login = await loginFor(repository, refused);
    return JSON.stringify(login) === JSON.stringify(refused) ? undefined : login;
  };

  const fetch = async (key: string, scopes: readonly string[], rights: Rights): Promise<string> => {
    if (demand?.kind !== "bearer") throw new Error("no token was asked for");
    const ask = { ...options, demand, scopes };
    const login = await loginFor(rights.repository);
    if (login?.kind === "registry-token") return `Bearer ${login.token}`;
    const token = await fetchPushToken({ ...ask, login }).catch(async (error: unknown): Promise<Token> => {
      const isRefused = error instanceof RegistryError && error.code === "token-refused";
      const renewed = isRefused ? await renewLogin(rights.repository, login) : undefined;
      if (renewed === undefined) throw error;
      return fetchPushToken({ ...ask, login: renewed });
    });
    tokens.set(key, { header: token.header, untilMs: now() + token.lifetimeMs * USED_SHARE });
    return token.header;
  };

  return {
    async headerFor(rights) {
      if (demand === undefined) return undefined;
      if (demand.kind === "basic") return basicHeader(await loginFor(rights.repository), url);
      const scopes = scopesOf(rights);
      const key = scopes.join(" ");
      const known = tokens.get(key);
      if (known !== undefined && now() < known.untilMs) return known.header;
      const running = fetching.get(key) ?? fetch(key, scopes, rights).finally(() => fetching.delete(key));
      fetching.set(key, running);
      return running;
    },
    async learn(challenges, rights, sent) {
      const asked = readDemand(challenges);
      if (asked.kind === "unknown") {
        const detail = asked.offered.length === 0 ? "nothing" : asked.offered.join(", ");
        throw new RegistryError({ phase: "auth", code: "unknown-scheme", host: url.host, detail });
      }
      demand = asked;
      const key = scopesOf(rights).join(" ");
      if (sent === undefined) return true;
      if (asked.kind === "basic") {
        const login = await loginFor(rights.repository);
        // Another request may have had it renewed meanwhile.
        if (login !== undefined && basicHeader(login, url) !== sent) return true;
        return (await renewLogin(rights.repository, login)) !== undefined;
      }
      // A token may have ended early, or the registry's clock differs.
      if (tokens.get(key)?.header === sent) tokens.delete(key);
      return true;
    },
  };
}

function basicHeader(login: PushLogin | undefined, url: URL): string {
  if (login?.kind === "registry-token") return `Bearer ${login.token}`;
  if (login?.kind === "login") return basicAuthorization(login);
  throw new RegistryError({ phase: "auth", code: "no-credentials", host: url.host });
}

function scopesOf({ repository, from, isLoginOnly, isPull, isDelete }: Rights): readonly string[] {
  if (isLoginOnly) return [];
  const own = `repository:${repository}:${isPull ? "pull" : isDelete ? "pull,push,delete" : "pull,push"}`;
  return from === undefined || from === repository ? [own] : [own, `repository:${from}:pull`];
}
