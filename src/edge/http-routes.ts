import type { IncomingMessage } from "node:http";

/** One entry of the route table. */
export interface Route {
  /** Exact path, or a prefix when it ends in `/*`. */
  readonly path: string;
  /** `metrics`: moves to `http.metrics_address` where that is set. `agent`: always on `http.address`. */
  readonly listener: "agent" | "metrics";
  /** GET and HEAD when undefined. */
  readonly methods?: readonly string[];
  handle(request: RouteRequest): RouteResponse | Promise<RouteResponse>;
}

interface RouteRequest {
  /** What stands for `*` in the route's path, decoded; "" for exact routes. */
  readonly rest: string;
  readonly query: URLSearchParams;
  /** For a route that needs the body or the peer. */
  readonly incoming: IncomingMessage;
}

export interface RouteResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

const textPlain = "text/plain; charset=utf-8";

export function text(status: number, body: string): RouteResponse {
  return { status, contentType: textPlain, body: body.endsWith("\n") ? body : `${body}\n` };
}

/** The route for a path, and what its `*` stands for. Exact paths come first. */
export function findRoute(
  routes: readonly Route[],
  path: string,
): { readonly route: Route; readonly rest: string } | undefined {
  const exact = routes.find((route) => route.path === path);
  if (exact !== undefined) return { route: exact, rest: "" };
  for (const route of routes) {
    const prefix = route.path.endsWith("/*") ? route.path.slice(0, -1) : undefined;
    if (prefix === undefined || !path.startsWith(prefix) || path.length === prefix.length) continue;
    const rest = decode(path.slice(prefix.length));
    return rest === undefined ? undefined : { route, rest };
  }
  return undefined;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
