import { RegistryError } from "../../registry/registry-error.ts";
import { AnswerError } from "./answer-error.ts";
import { ElsewhereError } from "./elsewhere-error.ts";
import type { PushAuthorizer, Rights } from "./push-authorizer.ts";
import type { Outgoing, Reply, SendRequest } from "./send-request.ts";

/** One registry, with what it takes to be let in. */
export interface RegistryLink {
  /** Its scheme, host and port. */
  readonly url: URL;
  /**
   * Sends a request, with a login where the registry wants one. Redirects are followed where there is no body to send
   * again. Rejects with RegistryError or TokenBusyError when there is no answer; any status is one, but for 401.
   */
  request(outgoing: Outgoing, rights: Rights): Promise<Reply>;
}

const MAX_HOPS = 5;

export function createRegistryLink(url: URL, send: SendRequest, authorizer: PushAuthorizer): RegistryLink {
  const isOwn = (target: URL): boolean => target.origin === url.origin;

  const authorized = async (outgoing: Outgoing, rights: Rights): Promise<Reply> => {
    // The login stays here: storage that a Location leads to has keys of its own in its query.
    if (!isOwn(outgoing.url))
      return send(outgoing).catch((error: unknown) => {
        throw error instanceof RegistryError ? new ElsewhereError(error) : error;
      });
    const needed: Rights = outgoing.method === "DELETE" ? { ...rights, isDelete: true } : rights;
    for (let renewals = 0; ; ) {
      const authorization = await authorizer.headerFor(needed);
      const headers = { ...outgoing.headers, ...(authorization === undefined ? {} : { authorization }) };
      const reply = await send({ ...outgoing, headers });
      if (reply.status !== 401) return reply;
      if (authorization !== undefined) renewals++;
      const mayMend = await authorizer.learn(reply.challenges, needed, authorization);
      if (!mayMend || renewals > 1) throw refused(url, needed, reply);
    }
  };

  return {
    url,
    async request(outgoing, rights) {
      let next = outgoing;
      for (let hops = 0; ; hops++) {
        const reply = await authorized(next, rights);
        const target = redirectTarget(next, reply);
        if (target === undefined) return reply;
        if (hops === MAX_HOPS)
          throw new RegistryError({ phase: "http", code: "redirect-loop", host: url.host });
        next = { ...next, url: target };
      }
    },
  };
}

function refused({ host }: URL, { repository, isPull, isDelete }: Rights, { status }: Reply): RegistryError {
  const where = repository === "" ? "" : ` for ${repository}`;
  const right = isPull ? "pull" : isDelete ? "delete" : "push";
  const rights = where === "" && isPull === true ? "" : `, or its right to ${right}${where}`;
  const detail = `the login that was given${rights} (status ${status})`;
  return new RegistryError({ phase: "auth", code: "credentials-refused", host, detail });
}

export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

function redirectTarget({ method, url, body, staysPut }: Outgoing, reply: Reply): URL | undefined {
  const { status, headers } = reply;
  if (!isRedirect(status)) return undefined;
  const isRead = method === "GET" || method === "HEAD";
  const keepsMethod = isRead || status === 307 || status === 308;
  const { location = "" } = headers;
  const target = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
  const isWorse = url.protocol === "https:" && target?.protocol !== "https:";
  // To a storage, and not to another name of the registry: that says enough, and the storage may be out of reach here.
  if (staysPut === true && target?.pathname !== url.pathname) return undefined;
  if (target === undefined || isWorse || !keepsMethod || (body?.length ?? 0) > 0)
    throw new AnswerError(method, reply, { why: `it leads elsewhere, to ${target?.origin ?? "nowhere"}` });
  return target;
}
