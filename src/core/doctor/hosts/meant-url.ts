import { cleanPath } from "../../containerd/go-path.ts";

/** Where requests are evidently meant to go. */
export interface MeantUrl {
  /** Undefined: not written. */
  readonly scheme: string | undefined;
  /** With the port, in lower case, without user-info; empty: none can be made out. */
  readonly host: string;
  /** Prefix of every request. */
  readonly path: string;
}

/** Reads a host as a person would: also without a scheme, in capitals, or with a slash too few. */
export function readMeantUrl(written: string, overridePath: boolean): MeantUrl {
  const [, scheme, rest = ""] = /^\s*(?:([a-z][a-z0-9+.-]*):\/{1,3}|(?=.))(.*)$/is.exec(written) ?? [];
  const bare = /^(https?)\/\/(.*)$/is.exec(rest);
  const body = (bare?.[2] ?? rest).replace(/[?#].*$/s, "").trim();
  const slash = body.indexOf("/");
  const authority = slash === -1 ? body : body.slice(0, slash);
  return {
    scheme: (scheme ?? bare?.[1])?.toLowerCase(),
    host: authority.slice(authority.lastIndexOf("@") + 1).toLowerCase(),
    path: meantPath(slash === -1 ? "" : body.slice(slash), overridePath),
  };
}

/** A path that has /v2 in front is meant as it stands: nobody serves `/v2/project/v2`. */
function meantPath(path: string, overridePath: boolean): string {
  if (path === "") return overridePath ? "" : "/v2";
  const clean = cleanPath(path);
  if (overridePath || clean.endsWith("/v2") || clean.startsWith("/v2/")) return clean;
  return `${clean === "/" ? "" : clean}/v2`;
}

/** As it is written, without what may be a secret. */
export function showWritten(written: string): string {
  return written.replace(/\/\/[^/?#\s]*@/, "//***@").replace(/[?#].*$/s, "");
}
