import { bareHost } from "../core/choose-proxy.ts";
import type { Answer, Ask, Header } from "./ask.ts";
import { RegistryError } from "./registry-error.ts";

/** Where an answer leads, as Go's client takes it; undefined: nowhere, it is the answer. */
export function redirectTarget({ status, headers, url }: Answer, from: URL): URL | undefined {
  const { location } = headers;
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined || location === "")
    return undefined;
  const target = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
  if (target === undefined || !/^https?:$/.test(target.protocol)) {
    const detail = JSON.stringify(location.replace(/\?.*/s, "").slice(0, 100));
    throw new RegistryError({ phase: "http", code: "bad-redirect", host: url.host, detail });
  }
  refuseLinkLocal(target, from);
  return target;
}

/** A mirror must not be able to send us to the metadata service of a cloud. Unless it is there itself. */
export function refuseLinkLocal(target: URL, from: URL): void {
  const isLinkLocal = (url: URL): boolean => /^(169\.254\.|fe80:)/i.test(bareHost(url));
  if (!isLinkLocal(target) || isLinkLocal(from)) return;
  throw new RegistryError({ phase: "http", code: "link-local", host: from.host, detail: target.host });
}

/**
 * The headers of the hop before that may go on to the next: Authorization and cookies only below the first host's
 * name (and, with older releases of Go, to its port), and the rest everywhere; see shouldCopyHeaderOnRedirect in
 * https://cs.opensource.google/go/go/+/master:src/net/http/client.go. Unlike Go, none of them from https to http.
 */
export function headersAfterRedirect(previous: Ask, first: Ask, target: URL): readonly Header[] {
  const headers = previous.headers ?? [];
  const samePort = first.loginCrossesPorts === true || portOf(target) === portOf(first.url);
  const isBelow = samePort && isSameOrBelow(bareHost(target), bareHost(first.url));
  if (previous.url.protocol === "https:" && target.protocol === "http:") {
    if (isBelow && headers.some(isSecret))
      throw new RegistryError({
        phase: "auth",
        code: "credentials-withheld",
        host: first.url.host,
        detail: target.host,
      });
    return headers.filter(([name]) => /^(accept|user-agent)$/i.test(name));
  }
  return isBelow ? headers : headers.filter((header) => !isSecret(header));
}

function isSecret([name]: Header): boolean {
  return /^(authorization|www-authenticate|cookie2?)$/i.test(name);
}

function portOf({ port, protocol }: URL): string {
  return port === "" ? protocol : port;
}

function isSameOrBelow(host: string, parent: string): boolean {
  return host === parent || (!host.includes(":") && host.endsWith(`.${parent}`));
}
