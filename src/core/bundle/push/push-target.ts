import { isRepositoryPath } from "./repository-name.ts";

/** Where a push goes. */
export interface PushTarget {
  /** `registry.example:5000`, as it was written. */
  readonly host: string;
  /** Below which all repositories are: `a/b`; "" for none. */
  readonly namespace: string;
  /** `https:` unless http was asked for in words. */
  readonly protocol: "https:" | "http:";
}

export type TargetResult =
  | { readonly ok: true; readonly target: PushTarget }
  | { readonly ok: false; readonly message: string };

/**
 * Reads `HOST[:PORT][/NAMESPACE]`. A scheme and the `/v2/` of a mirror's endpoint are taken too, so that the endpoint
 * of a desired state can be pasted; `http://` only with `plainHttp`.
 */
export function parsePushTarget(text: string, plainHttp: boolean): TargetResult {
  const [, scheme, rest = ""] = /^(?:([a-z]+):\/\/)?(.*)$/i.exec(text) ?? [];
  const asked = scheme?.toLowerCase();
  if (asked !== undefined && asked !== "https" && asked !== "http")
    return { ok: false, message: `${JSON.stringify(text)}: a registry is reached by https or http` };
  if (asked === "http" && !plainHttp)
    return {
      ok: false,
      message: `${text} is plain http, where anybody on the way can read and change what is sent: add --plain-http if that is meant`,
    };
  const [, host = "", path = ""] = /^([^/]*)\/*(.*?)\/*$/.exec(rest) ?? [];
  const namespace = path.replace(/^v2(?:\/+|$)/, "");
  const protocol = plainHttp && asked !== "https" ? "http:" : "https:";
  if (host === "" || /[@\s?#\\]/.test(host) || !URL.canParse(`${protocol}//${host}`))
    return {
      ok: false,
      message: `${JSON.stringify(text)} names no host: write HOST:PORT or HOST:PORT/NAMESPACE`,
    };
  if (namespace !== "" && !isRepositoryPath(namespace))
    return {
      ok: false,
      message: `${JSON.stringify(namespace)} is no namespace: lower-case names, separated by /`,
    };
  return { ok: true, target: { host, namespace, protocol } };
}
