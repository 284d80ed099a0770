import {
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { type DockerRegistry, startDockerRegistry } from "./docker-registry.ts";
import { type LabServer, type ServerTls, startServer } from "./lab-server.ts";
import { type RecordedRequest, recordRequest } from "./recorded-request.ts";
import { createCa } from "./tls.ts";
import { createTokenIssuer, type TokenCredential } from "./token-issuer.ts";

type RegistryAuth =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | ({ readonly kind: "token" } & TokenCredential);

export interface RegistryOptions {
  readonly tls?: ServerTls;
  readonly auth?: RegistryAuth;
}

/** A real docker-registry with storage of its own, behind a proxy that ends TLS and records what came in. */
export interface LabRegistry {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly url: string;
  /** Every request so far, in order of arrival; one to `/token` is for the token server. */
  requests(): readonly RecordedRequest[];
  clearRequests(): void;
  /** What docker-registry itself wrote of the requests that reached it, pushes included. */
  accessLog(): Promise<readonly string[]>;
  /** Replaces the one credential that is accepted; tokens already issued stay good. */
  setCredential(username: string, password: string): Promise<void>;
  setTls(tls: ServerTls): void;
  /** Behind proxy and TLS, for `pushImage`: not recorded. */
  readonly storage: {
    readonly url: string;
    /** The value of the Authorization header that may push to the repository. */
    authorization(repository: string): string | undefined;
  };
  stop(): Promise<void>;
}

export async function startRegistry({ tls, auth }: RegistryOptions = {}): Promise<LabRegistry> {
  let records: RecordedRequest[] = [];
  let current = auth;
  const signer = auth?.kind === "token" ? await (await createCa()).issueServer() : undefined;
  const tokens = signer && createTokenIssuer(signer, () => current as TokenCredential);
  let registry: DockerRegistry | undefined;
  const front: LabServer = await startServer(
    record(
      () => records,
      (request, response) =>
        tokens !== undefined && request.url?.startsWith("/token")
          ? tokens.answer(request, response)
          : forward(request, response, registry?.url ?? ""),
    ),
    tls,
  );
  try {
    registry = await startDockerRegistry(dockerAuth(current, front.url, signer?.cert));
  } catch (error) {
    await front.close();
    throw error;
  }
  const started = registry;
  return {
    host: front.host,
    url: front.url,
    requests: () => records,
    clearRequests: () => {
      records = [];
    },
    accessLog: () => started.accessLog(),
    async setCredential(username, password) {
      if (current === undefined) throw new Error("this registry was started without auth");
      current = { ...current, username, password };
      if (current.kind === "basic") await started.setHtpasswd(username, password);
    },
    setTls: front.setTls,
    storage: {
      url: started.url,
      authorization: (repository) =>
        tokens ? `Bearer ${tokens.tokenFor(repository, ["pull", "push"])}` : basicHeader(current),
    },
    async stop() {
      await front.close();
      await started.stop();
    },
  };
}

function dockerAuth(auth: RegistryAuth | undefined, frontUrl: string, signerCert: string | undefined) {
  if (auth === undefined) return { kind: "none" } as const;
  if (auth.kind === "basic") return auth;
  return { kind: "token", realm: `${frontUrl}/token`, trusted: signerCert ?? "" } as const;
}

function basicHeader(auth: RegistryAuth | undefined): string | undefined {
  if (auth === undefined) return undefined;
  return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString("base64")}`;
}

function record(records: () => RecordedRequest[], handle: RequestListener): RequestListener {
  return (request, response) => {
    const recorded = recordRequest(request);
    records().push(recorded);
    const writeHead = response.writeHead.bind(response) as (...parts: unknown[]) => ServerResponse;
    response.writeHead = ((status: number, ...rest: unknown[]) => {
      recorded.status = status; // before the client can see it
      return writeHead(status, ...rest);
    }) as typeof response.writeHead;
    handle(request, response);
  };
}

function forward(request: IncomingMessage, response: ServerResponse, target: string): void {
  const onward = httpRequest(
    target + request.url,
    { method: request.method ?? "GET", headers: request.headers, agent: false },
    (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.on("error", () => response.destroy());
      reply.pipe(response);
    },
  );
  onward.on("error", (error) => response.destroy(error));
  request.pipe(onward);
}
