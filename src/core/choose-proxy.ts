import { type IpAddress, parseIp, parseNetwork, sharesPrefix } from "./ip-address.ts";

/** Variables as the process has them; upper case wins over lower case, as in Go. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Which proxy Go's `http.ProxyFromEnvironment` would use for a URL; undefined: none. Rules:
 * https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config
 */
export function createProxySelector(environment: Environment): (url: URL) => URL | undefined {
  const proxies: Readonly<Record<string, URL | undefined>> = {
    "http:": parseProxy(anyOf(environment, "HTTP_PROXY", "http_proxy")),
    "https:": parseProxy(anyOf(environment, "HTTPS_PROXY", "https_proxy")),
  };
  const isExempt = parseNoProxy(anyOf(environment, "NO_PROXY", "no_proxy"));
  return (url) => {
    const proxy = proxies[url.protocol];
    if (proxy === undefined) return undefined;
    const host = bareHost(url);
    const port = url.port === "" ? DEFAULT_PORTS[url.protocol] : url.port;
    return host === "localhost" || isLoopback(host) || isExempt(host, port ?? "") ? undefined : proxy;
  };
}

/** Host name of a URL, IPv6 literals without brackets. */
export function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

function anyOf(environment: Environment, ...names: readonly string[]): string {
  return names.map((name) => environment[name] ?? "").find((value) => value !== "") ?? "";
}

/** Undefined: Go goes without a proxy, and says nothing of it. */
export function parseProxy(text: string): URL | undefined {
  if (text === "") return undefined;
  // `host:port` alone parses as a URL with the scheme `host`, so that only known schemes count.
  const known = /^(https?|socks5h?):\/\//i.test(text);
  const url = URL.canParse(known ? text : `http://${text}`)
    ? new URL(known ? text : `http://${text}`)
    : undefined;
  return url?.hostname === "" ? undefined : url;
}

/** The entries of NO_PROXY: separated by commas alone. */
export function splitNoProxy(text: string): readonly string[] {
  return text
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== "");
}

type Matcher = (host: string, port: string) => boolean;

function parseNoProxy(text: string): Matcher {
  const entries = splitNoProxy(text);
  if (entries.includes("*")) return () => true;
  const matchers = entries.flatMap((entry) => parseEntry(entry) ?? []);
  return (host, port) => matchers.some((matches) => matches(host, port));
}

function parseEntry(entry: string): Matcher | undefined {
  const cidr = parseNetwork(entry);
  if (cidr !== undefined) {
    return (host) => {
      const address = parseIp(host);
      return address !== undefined && sharesPrefix(address, cidr.network, cidr.length);
    };
  }
  const { host, port } = splitPort(entry);
  if (host === "") return undefined;
  const portFits = (actual: string): boolean => port === "" || port === actual;
  const same = parseIp(host);
  if (same !== undefined)
    return (actual, actualPort) => isSameIp(parseIp(actual), same) && portFits(actualPort);
  // `.y.com` and `*.y.com` match what is below y.com only; `y.com` itself too.
  const suffix = host.startsWith("*.") ? host.slice(1) : host.startsWith(".") ? host : `.${host}`;
  const exact = suffix === `.${host}` ? host : undefined;
  return (actual, actualPort) => (actual.endsWith(suffix) || actual === exact) && portFits(actualPort);
}

function isSameIp(a: IpAddress | undefined, b: IpAddress): boolean {
  return a !== undefined && sharesPrefix(a, b, b.bits);
}

function splitPort(entry: string): { readonly host: string; readonly port: string } {
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(entry);
  if (bracketed !== null) return { host: bracketed[1] ?? "", port: bracketed[2] ?? "" };
  const parts = entry.split(":");
  // More than one colon without brackets is an IPv6 address.
  return parts.length === 2 ? { host: parts[0] ?? "", port: parts[1] ?? "" } : { host: entry, port: "" };
}

function isLoopback(host: string): boolean {
  const address = parseIp(host);
  if (address === undefined) return false;
  return address.bits === 32 ? address.value >> 24n === 127n : address.value === 1n;
}
