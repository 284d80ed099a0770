import type { IncomingMessage } from "node:http";

/** A request as a server saw it. `status` is 0 while, or when, there is no answer. */
export interface RecordedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly userAgent: string;
  readonly authorization?: string;
  /** performance.now() at its arrival. */
  readonly atMs: number;
  status: number;
}

export function recordRequest(request: IncomingMessage): RecordedRequest {
  const [path = "", search = ""] = (request.url ?? "").split(/\?(.*)/s);
  const { authorization } = request.headers;
  return {
    method: request.method ?? "",
    path,
    query: Object.fromEntries(new URLSearchParams(search)),
    headers: request.headers,
    userAgent: request.headers["user-agent"] ?? "",
    ...(authorization === undefined ? {} : { authorization }),
    atMs: performance.now(),
    status: 0,
  };
}
