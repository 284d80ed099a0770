import { hostOf } from "../../../evidence/watched-hosts.ts";

/** Which request an error is about. unknown: it does not say. */
export type ErrorStage = "resolve" | "manifest" | "blob" | "token" | "unknown";

export interface RequestWords {
  readonly stage: ErrorStage;
  readonly method?: "HEAD" | "GET" | "POST";
  /** With its query, whose values newer releases redact; never shown. Absolute. */
  readonly url?: string;
  /** host:port of the URL, or named on its own. */
  readonly host?: string;
  /** The host in whose turn it happened, which log lines name beside the URL. */
  readonly turn?: string;
}

/** Finds in containerd's words which host was asked for what. `logged`: the field `host` of a log line. */
export function readRequestWords(text: string, logged?: string): RequestWords {
  const asked = findAsked(text);
  return {
    stage: findStage(text, asked.method, asked.url),
    ...asked,
    ...(logged === undefined || logged === "" ? {} : { turn: logged }),
  };
}

type Asked = Pick<RequestWords, "method" | "url" | "host">;

function findAsked(text: string): Asked {
  for (const [pattern, read] of ASKED) {
    const match = pattern.exec(text);
    if (match !== null) return read(match);
  }
  return {};
}

const ASKED: readonly (readonly [RegExp, (match: RegExpExecArray) => Asked])[] = [
  // Go's url.Error names the last URL, which after a redirect is another one than was asked for.
  [/\b(Head|Get|Post) "([^"]*)"/, ([, method = "", url = ""]) => asked(method, url)],
  [
    /unexpected status from (HEAD|GET|POST) request to (\S+?):? /,
    ([, method = "", url = ""]) => asked(method, url),
  ],
  [/unexpected (HEAD )?status code (https?:\/\/\S+?): /, ([, head, url = ""]) => asked(head ?? "GET", url)],
  [/content at (https?:\/\/\S+) not found/, ([, url = ""]) => asked("GET", url)],
  [/pulling from host (\S+) failed with/, ([, host = ""]) => ({ method: "HEAD", host })],
];

function asked(method: string, url: string): Asked {
  const verb = method.trim().toUpperCase() as NonNullable<RequestWords["method"]>;
  // What stands in front of an @ may be a password.
  const host = hostOf(url).replace(/^.*@/, "");
  return host === "" ? { method: verb } : { method: verb, url, host };
}

function findStage(text: string, method: Asked["method"], url: string | undefined): ErrorStage {
  if (/failed to authorize|fetch (?:anonymous|oauth) token|token auth challenge/.test(text)) return "token";
  const path = url?.replace(/[?#].*$/, "") ?? "";
  if (
    /failed commit on ref "(?:manifest|index)-|\/manifests\/[a-z0-9]+:[0-9a-f]{32,}$/.test(`${text} ${path}`)
  )
    return method === "HEAD" ? "resolve" : "manifest";
  if (/failed to resolve (?:reference|image)|pulling from host|\/manifests\//.test(`${text} ${path}`))
    return "resolve";
  if (/trying next host|fetch failed after status|in header not a valid digest|resolve hosts/.test(text))
    return "resolve";
  if (
    /\/blobs\/|failed to copy|httpReadSeeker|failed commit on ref|short read|expected number of bytes/.test(
      text,
    )
  )
    return "blob";
  return method === "HEAD" ? "resolve" : "unknown";
}
