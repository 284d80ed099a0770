import { createSign, X509Certificate } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { LabCertificate } from "./tls.ts";

export interface TokenCredential {
  readonly username: string;
  readonly password: string;
  /** A token for pulls without any credential. */
  readonly anonymousPull?: boolean;
  /** Tokens for pushes are given out, too. */
  readonly mayPush?: boolean;
  readonly mayDelete?: boolean;
  /** Taken by POST with `grant_type=refresh_token`, in place of the credential. */
  readonly identityToken?: string;
  /** Of a token; default 300. */
  readonly lifetimeSeconds?: number;
}

interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/**
 * A token server as the distribution project describes it (docs: registry authentication, token specification):
 * GET with Basic, and POST with `grant_type=password` or `refresh_token`. Tokens are JWTs, signed ES256, with the certificate in x5c.
 */
export function createTokenIssuer(signer: LabCertificate, credential: () => TokenCredential) {
  const issue = (access: readonly Access[], seconds = 300): string => signToken(signer, access, seconds);
  return {
    tokenFor: (repository: string, actions: readonly string[]) =>
      issue([{ type: "repository", name: repository, actions }]),
    answer: async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const parameters = await readParameters(request);
      const offered = offeredCredential(request, parameters);
      const { username, password, anonymousPull = false, ...more } = credential();
      const { mayPush = false, mayDelete = false, identityToken, lifetimeSeconds = 300 } = more;
      const refresh = parameters.get("refresh_token");
      const accepted =
        refresh !== null
          ? refresh === identityToken
          : offered === undefined
            ? anonymousPull
            : offered[0] === username && offered[1] === password;
      if (!accepted) {
        response.writeHead(401, { "content-type": "application/json" });
        response.end('{"errors":[{"code":"UNAUTHORIZED","message":"wrong credential"}]}');
        return;
      }
      const given = ["pull", ...(mayPush ? ["push"] : []), ...(mayDelete ? ["delete"] : [])];
      const scopes = parameters.getAll("scope").flatMap((scope) => scope.split(" "));
      const token = issue(
        scopes.map((scope) => parseScope(scope, given)),
        lifetimeSeconds,
      );
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ token, access_token: token, expires_in: lifetimeSeconds }));
    },
  };
}

export const tokenService = "lab-registry";
export const tokenIssuerName = "lab-tokens";

function signToken(signer: LabCertificate, access: readonly Access[], lifetimeSeconds: number): string {
  const seconds = Math.floor(Date.now() / 1000);
  const x5c = [new X509Certificate(signer.cert).raw.toString("base64")];
  const claims = {
    iss: tokenIssuerName,
    aud: tokenService,
    sub: "lab",
    iat: seconds,
    nbf: seconds - 10,
    exp: seconds + lifetimeSeconds,
    jti: String(process.hrtime.bigint()),
    access,
  };
  const content = [{ typ: "JWT", alg: "ES256", x5c }, claims].map(encode).join(".");
  const signature = createSign("sha256").update(content).sign({ key: signer.key, dsaEncoding: "ieee-p1363" });
  return `${content}.${signature.toString("base64url")}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** `repository:name:pull,push`; the name may hold a port and so a colon. */
function parseScope(scope: string, given: readonly string[]): Access {
  const [, type = "", name = "", actions = ""] = /^([^:]*):(.*):([^:]*)$/.exec(scope) ?? [];
  return { type, name, actions: actions.split(",").filter((action) => given.includes(action)) };
}

async function readParameters(request: IncomingMessage): Promise<URLSearchParams> {
  if (request.method !== "POST") return new URL(request.url ?? "", "http://lab").searchParams;
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return new URLSearchParams(body);
}

function offeredCredential(
  request: IncomingMessage,
  parameters: URLSearchParams,
): [string, string] | undefined {
  const username = parameters.get("username");
  if (username !== null) return [username, parameters.get("password") ?? ""];
  const basic = /^Basic (.*)$/.exec(request.headers.authorization ?? "")?.[1];
  if (basic === undefined) return undefined;
  const [, user = "", password = ""] = /^([^:]*):(.*)$/s.exec(Buffer.from(basic, "base64").toString()) ?? [];
  return [user, password];
}
