import { bareHost, type Environment, parseProxy, splitNoProxy } from "../../choose-proxy.ts";
import { isPrivateIp, parseIp, parseNetwork } from "../../ip-address.ts";

/** What may be shown of a proxy: never its login. */
export function showProxy(proxy: URL): string {
  return `${proxy.protocol}//${proxy.host}`;
}

/** What may be shown of a proxy variable. */
export function showProxyValue(value: string): string {
  const proxy = parseProxy(value);
  return proxy === undefined ? "something that is no URL" : showProxy(proxy);
}

const INSIDE_SUFFIXES = /\.(?:local|localdomain|internal|intranet|lan|corp|private|home\.arpa|svc)$/;

/** A host that a proxy to the outside hardly reaches: by its address, its name, or because it has the proxy's own domain. */
export function looksInside(url: URL, proxy: URL): boolean {
  const host = bareHost(url);
  const address = parseIp(host);
  if (address !== undefined) return isPrivateIp(address);
  if (!host.includes(".") || INSIDE_SUFFIXES.test(host)) return true;
  const proxyHost = bareHost(proxy);
  return parseIp(proxyHost) === undefined && domainOf(host) === domainOf(proxyHost);
}

/** Entries of NO_PROXY that say nothing to Go, which knows names, suffixes, addresses and networks, by commas. */
export function unreadEntries(environment: Environment): readonly string[] {
  const text = environment["NO_PROXY"] || environment["no_proxy"] || "";
  return splitNoProxy(text).filter(
    (entry) =>
      /\s/.test(entry) ||
      entry.includes("://") ||
      entry.replace(/^\*(?:\.|$)/, "").includes("*") ||
      (entry.includes("/") && parseNetwork(entry) === undefined),
  );
}

/** The last two labels, or three below a public suffix of two such as co.uk. */
function domainOf(host: string): string {
  const labels = host.split(".");
  const isShort = (labels.at(-1)?.length ?? 0) === 2 && (labels.at(-2)?.length ?? 0) <= 3;
  return labels.slice(isShort ? -3 : -2).join(".");
}
