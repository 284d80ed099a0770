import { BlockList, isIP, isIPv4 } from "node:net";

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

// `host:port` alone parses as a URL with the scheme `host`, so that only known schemes count.
function parseProxy(text: string): URL | undefined {
  if (text === "") return undefined;
  const known = /^(https?|socks5h?):\/\//i.test(text);
  const url = URL.canParse(known ? text : `http://${text}`)
    ? new URL(known ? text : `http://${text}`)
    : undefined;
  return url?.hostname === "" ? undefined : url;
}

type Matcher = (host: string, port: string) => boolean;

function parseNoProxy(text: string): Matcher {
  const entries = text
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== "");
  if (entries.includes("*")) return () => true;
  const matchers = entries.flatMap((entry) => parseEntry(entry) ?? []);
  return (host, port) => matchers.some((matches) => matches(host, port));
}

function parseEntry(entry: string): Matcher | undefined {
  const cidr = parseCidr(entry);
  if (cidr !== undefined) return (host) => isIP(host) !== 0 && cidr.check(host, familyOf(host));
  const { host, port } = splitPort(entry);
  if (host === "") return undefined;
  const portFits = (actual: string): boolean => port === "" || port === actual;
  if (isIP(host) !== 0) {
    const same = new BlockList();
    same.addAddress(host, familyOf(host));
    return (actual, actualPort) =>
      isIP(actual) !== 0 && same.check(actual, familyOf(actual)) && portFits(actualPort);
  }
  // `.y.com` and `*.y.com` match what is below y.com only; `y.com` itself too.
  const suffix = host.startsWith("*.") ? host.slice(1) : host.startsWith(".") ? host : `.${host}`;
  const exact = suffix === `.${host}` ? host : undefined;
  return (actual, actualPort) => (actual.endsWith(suffix) || actual === exact) && portFits(actualPort);
}

function parseCidr(entry: string): BlockList | undefined {
  const [address = "", bits, ...more] = entry.split("/");
  if (bits === undefined || more.length > 0 || isIP(address) === 0 || !/^\d{1,3}$/.test(bits))
    return undefined;
  if (Number(bits) > (isIPv4(address) ? 32 : 128)) return undefined;
  const list = new BlockList();
  list.addSubnet(address, Number(bits), familyOf(address));
  return list;
}

function splitPort(entry: string): { readonly host: string; readonly port: string } {
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(entry);
  if (bracketed !== null) return { host: bracketed[1] ?? "", port: bracketed[2] ?? "" };
  const parts = entry.split(":");
  // More than one colon without brackets is an IPv6 address.
  return parts.length === 2 ? { host: parts[0] ?? "", port: parts[1] ?? "" } : { host: entry, port: "" };
}

function isLoopback(host: string): boolean {
  return isIPv4(host) ? host.startsWith("127.") : host === "::1";
}

function familyOf(host: string): "ipv4" | "ipv6" {
  return isIPv4(host) ? "ipv4" : "ipv6";
}
