import { quote } from "./text.ts";

/** `host` or `host:port` by the distribution reference grammar, lower case. */
export type HostPort =
  | { readonly ok: true; readonly host: string; readonly port: number | undefined; readonly ipv6: boolean }
  /** `suggestion` is the text that was probably meant, where there is one. */
  | { readonly ok: false; readonly reason: string; readonly suggestion?: string };

const COMPONENT = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?";
const DOMAIN = new RegExp(`^${COMPONENT}(?:\\.${COMPONENT})*$`);

/**
 * Parses strictly. URL parsing is no host validation: it takes `../../etc` for the host `..` and 0x7f000001 for
 * 127.0.0.1. Grammar: https://github.com/distribution/reference/blob/main/reference.go
 */
export function parseHostPort(text: string): HostPort {
  if (text === "") return { ok: false, reason: "the host is empty" };
  if (text.length > 255) return { ok: false, reason: "the host is longer than 255 characters" };
  if (DOMAIN.test(text)) return { ok: true, host: text, port: undefined, ipv6: false };
  const parts = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(text);
  const [, host = "", port] = parts ?? [];
  if (parts === null || (port?.includes(":") ?? false)) return notBracketed(text);
  const portProblem = port === undefined ? undefined : checkPort(port);
  if (portProblem !== undefined) return { ok: false, reason: portProblem };
  const portNumber = port === undefined ? undefined : Number(port);
  if (host.startsWith("[")) {
    if (!isIpv6(host.slice(1, -1))) return { ok: false, reason: `${quote(host)} is not an IPv6 address` };
    if (host !== host.toLowerCase()) return upperCase(text);
    return { ok: true, host, port: portNumber, ipv6: true };
  }
  if (DOMAIN.test(host)) return { ok: true, host, port: portNumber, ipv6: false };
  if (DOMAIN.test(host.toLowerCase())) return upperCase(text);
  return { ok: false, reason: describeBadHost(host) };
}

function upperCase(text: string): HostPort {
  return {
    ok: false,
    reason: "containerd compares host names letter by letter, in lower case",
    suggestion: text.toLowerCase(),
  };
}

function notBracketed(text: string): HostPort {
  if (isIpv6(text))
    return { ok: false, reason: "an IPv6 address needs brackets", suggestion: `[${text.toLowerCase()}]` };
  return { ok: false, reason: `${quote(text)} has more than one colon` };
}

function checkPort(port: string): string | undefined {
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65535)
    return `${quote(port)} is not a port (1 to 65535)`;
  return undefined;
}

function describeBadHost(host: string): string {
  if (host.endsWith(".")) return "a host name here has no dot at its end";
  if (/[^\0-\x7f]/.test(host))
    return "a host name has ASCII letters only; write an international name in its xn-- form";
  return `${quote(host)} is not a host name (letters, digits, "-" inside, "." between)`;
}

function isIpv6(text: string): boolean {
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text)) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? groups.length <= 7 : groups.length === 8;
}
