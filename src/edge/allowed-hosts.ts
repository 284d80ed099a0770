import { parseHostPort } from "../core/agent-config/listen-address.ts";

const always = ["localhost", "127.0.0.1", "::1"];

/**
 * Whether a Host header names us. A web page that points its own name at our address (DNS rebinding) must get no
 * answer, so names are answered only when known; addresses when they are the one that was connected to.
 */
export function isAllowedHost(
  header: string | undefined,
  localAddress: string | undefined,
  allowed: readonly string[],
): boolean {
  if (header === undefined) return true;
  const host = hostOf(header);
  if (host === undefined) return false;
  const local = localAddress?.replace(/^::ffff:/, "");
  return [...always, ...allowed, local].some((name) => name !== undefined && bare(name) === host);
}

function hostOf(header: string): string | undefined {
  const withPort = /:\d+$/.test(header) && !/^\[[^\]]*\]$/.test(header) ? header : `${header}:80`;
  const parsed = parseHostPort(withPort);
  return parsed === undefined ? undefined : bare(parsed.host);
}

function bare(name: string): string {
  return name
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
}
