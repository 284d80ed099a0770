import type { Attributes, Span } from "../otlp/span.ts";
import { cleanError } from "./clean-error.ts";
import type { RawRequest } from "./raw-request.ts";
import { readRequestUrl } from "./request-url.ts";

/** The two generations of names for the same things; which one a build uses does not follow from its version. */
const METHOD_KEYS = ["http.request.method", "http.method"];
const URL_KEYS = ["url.full", "http.url"];
const STATUS_KEYS = ["http.response.status_code", "http.status_code"];
const ERROR_KEYS = ["error.type"];

export const REQUEST_KEYS: readonly string[] = [...METHOD_KEYS, ...URL_KEYS, ...STATUS_KEYS, ...ERROR_KEYS];

/** Of https://github.com/containerd/containerd/tree/main/core/remotes/docker: `…resolver.HTTPRequest`, `…FetchToken`. */
const NAME = /^remotes\.docker\.\w+\.(HTTPRequest|FetchToken)/;

export function isRequestName(name: string): boolean {
  return name.startsWith("remotes.docker.") && NAME.test(name);
}

/** The request that a span is; undefined for other spans, and for requests that push. */
export function readRequestSpan(span: Span): RawRequest | undefined {
  if (!isRequestName(span.name)) return undefined;
  const isToken = span.name.includes("FetchToken");
  const method = textOf(span.attributes, METHOD_KEYS).toUpperCase();
  const url = readRequestUrl(textOf(span.attributes, URL_KEYS));
  if (url === undefined || !/^[A-Z]{1,16}$/.test(method)) return undefined;
  if (!isToken && method !== "GET" && method !== "HEAD") return undefined;
  const { parentId, startMs, endMs } = span;
  return { parentId, isToken, method, url, startMs, endMs, ...readOutcome(span, isToken) };
}

/** Part of a push: other methods than a pull's. */
export function isPush(span: Span): boolean {
  return (
    /^(?:POST|PUT|PATCH)$/.test(textOf(span.attributes, METHOD_KEYS)) && !span.name.includes("FetchToken")
  );
}

function readOutcome(span: Span, isToken: boolean): { status?: number; error?: string } {
  const status = Number(textOf(span.attributes, STATUS_KEYS));
  const isAnswered = Number.isInteger(status) && status >= 100 && status <= 999;
  const told = span.message === "" ? textOf(span.attributes, ERROR_KEYS) : span.message;
  if (isAnswered) {
    // An error besides a good status: the body was cut.
    const isCut = span.message !== "" && status < 400;
    return { status, ...(isCut ? { error: cleanError(told, isToken) } : {}) };
  }
  return { error: told === "" ? "no answer" : cleanError(told, isToken) };
}

function textOf(attributes: Attributes, keys: readonly string[]): string {
  for (const key of keys) {
    const value = attributes.get(key);
    if (value !== undefined) return String(value);
  }
  return "";
}
