import type { Environment } from "../../core/choose-proxy.ts";
import type { TlsMaterial } from "../../core/containerd/pull/tls-material.ts";
import type { Resolve } from "../../registry/guard-lookup.ts";
import { createHttpClient } from "../../registry/http-client.ts";
import { RegistryError } from "../../registry/registry-error.ts";
import { AnswerError } from "./answer-error.ts";
import { createConnectionPool } from "./connection-pool.ts";
import { isOutage } from "./ends-all.ts";
import { TokenRefusedError } from "./fetch-push-token.ts";
import type { FindLogin } from "./find-login.ts";
import { createPushAuthorizer } from "./push-authorizer.ts";
import { createRegistryLink, type RegistryLink } from "./registry-link.ts";
import { mayPass, type Retrier } from "./retrier.ts";
import { createSendRequest } from "./send-request.ts";

export interface ConnectOptions {
  /** Scheme, host and port. */
  readonly url: URL;
  readonly tls: TlsMaterial;
  readonly loginFor: FindLogin;
  readonly environment: Environment;
  readonly root: string;
  readonly resolve?: Resolve;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

export interface ConnectedRegistry {
  readonly link: RegistryLink;
  close(): void;
}

const TOKEN_LIMITS = { dialMs: 10_000, handshakeMs: 10_000, responseMs: 30_000 };

/** A registry, reached the way containerd would reach it. Nothing is asked yet. */
export function connectRegistry(options: ConnectOptions): ConnectedRegistry {
  const { url, tls, loginFor, environment, root, resolve, now, signal } = options;
  const found = resolve === undefined ? {} : { resolve };
  const pool = createConnectionPool({ registry: url, tls, environment, root, signal, ...found });
  const client = createHttpClient({ environment, root, timeouts: TOKEN_LIMITS, ...found });
  const authorizer = createPushAuthorizer({ client, url, tls, loginFor, now, signal });
  return { link: createRegistryLink(url, createSendRequest(pool, signal), authorizer), close: pool.close };
}

/** More logins than that are not tried before anybody knows which of them is needed. */
const MOST_LOGINS = 5;

/**
 * Finds out whether a registry answers there, and lets us in, before anything else is done. One that is busy is asked
 * again; one that cannot be reached may be a name that was mistyped. `others`: repositories with logins of their own, which
 * are tried where that of `repository` is refused. Rejects with RegistryError, AnswerError or ExhaustedError.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#determining-support
 */
export async function pingRegistry(
  link: RegistryLink,
  retrier: Retrier,
  repository: string,
  others: readonly string[] = [],
): Promise<void> {
  let refusal: RegistryError | undefined;
  for (const one of [repository, ...others.slice(0, MOST_LOGINS)]) {
    const failure = await retrier.run(link.url.host, () =>
      ping(link, one).catch((error: unknown) => {
        if (error instanceof RegistryError) return error;
        throw error;
      }),
    );
    if (failure === undefined) return;
    refusal ??= failure;
    if (!LOGIN_CODES.includes(failure.code)) break;
  }
  throw refusal;
}

const LOGIN_CODES: readonly string[] = ["no-credentials", "credentials-refused", "token-refused"];

/** What failed for minutes was an outage, and it is not over: a proxy answers for a registry that is gone. */
export async function isGone(link: RegistryLink, failure: unknown, repository: string): Promise<boolean> {
  if (!isOutage(failure)) return false;
  return ping(link, repository).then(() => false, mayPass);
}

async function ping(link: RegistryLink, repository: string): Promise<undefined> {
  const url = new URL("/v2/", link.url);
  const reply = await link.request({ method: "GET", url }, { repository, isLoginOnly: true });
  const isPage = /^text\/html/i.test(reply.headers["content-type"] ?? "");
  if (isPage) throw new RegistryError({ phase: "http", code: "web-page", host: url.host });
  if (reply.status !== 200) throw new AnswerError("GET", reply);
  return undefined;
}

/**
 * Finds out whether there is somebody to talk to, who does not refuse the login as such: hundreds of images that try it
 * would have an account locked. What else is said does not matter yet: who shows none may be refused here and let in
 * where images are, as at a Harbor with public projects. `hasLogin`: one is shown that counts for the whole registry.
 * Rejects with RegistryError.
 */
export async function touchRegistry(link: RegistryLink, hasLogin: () => Promise<boolean>): Promise<void> {
  const url = new URL("/v2/", link.url);
  try {
    await link.request({ method: "GET", url }, { repository: "", isLoginOnly: true, isPull: true });
  } catch (error) {
    if (!(error instanceof RegistryError)) return;
    if (["dns", "connect", "tls"].includes(error.phase)) throw error;
    // A token service may have other reasons, where no right is asked for.
    const isRefused =
      error instanceof TokenRefusedError ? error.status === 401 : error.code === "credentials-refused";
    if (isRefused && (await hasLogin())) throw error;
  }
}
