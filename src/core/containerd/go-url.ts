import { decodeText } from "../decode-text.ts";

/** What containerd keeps of a URL: user-info, query and fragment are read and dropped. */
export type GoUrlResult =
  | { readonly ok: true; readonly scheme: string; readonly host: string; readonly path: string }
  /** `message` in the words of Go's net/url. */
  | { readonly ok: false; readonly message: string };

/**
 * Go's url.Parse, which is far from WHATWG's: nothing is normalised, a default port stays, `HTTP:` is a host, and
 * `name:5000` is a scheme with opaque data and no host. See https://pkg.go.dev/net/url#Parse
 */
export function parseGoUrl(text: string): GoUrlResult {
  const problem = (message: string): GoUrlResult => ({
    ok: false,
    message: `parse ${JSON.stringify(text)}: ${message}`,
  });
  const withoutFragment = cut(text, "#");
  if (/[\0-\x1f\x7f]/.test(withoutFragment)) return problem("net/url: invalid control character in URL");
  const { scheme, rest, error } = splitScheme(withoutFragment);
  if (error !== undefined) return problem(error);
  const body = cut(rest, "?");
  if (!body.startsWith("/")) {
    if (scheme !== "") return { ok: true, scheme, host: "", path: "" };
    if (cut(body, "/").includes(":")) return problem("first path segment in URL cannot contain colon");
  }
  const hasAuthority = body.startsWith("//") && (scheme !== "" || !body.startsWith("///"));
  const authority = hasAuthority ? cut(body.slice(2), "/") : "";
  const host = parseAuthority(authority);
  if (!host.ok) return problem(host.message);
  const path = unescapePath(hasAuthority ? body.slice(2 + authority.length) : body);
  if (!path.ok) return problem(path.message);
  return { ok: true, scheme, host: host.value, path: path.value };
}

type Part = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly message: string };

function cut(text: string, separator: string): string {
  const at = text.indexOf(separator);
  return at === -1 ? text : text.slice(0, at);
}

function splitScheme(text: string): { scheme: string; rest: string; error?: string } {
  if (text.startsWith(":")) return { scheme: "", rest: text, error: "missing protocol scheme" };
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text);
  if (match === null) return { scheme: "", rest: text };
  const [prefix, scheme = ""] = match;
  return { scheme: scheme.toLowerCase(), rest: text.slice(prefix.length) };
}

function parseAuthority(authority: string): Part {
  const at = authority.lastIndexOf("@");
  if (at !== -1) {
    const userInfo = authority.slice(0, at);
    if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(userInfo))
      return { ok: false, message: "net/url: invalid userinfo" };
    const broken = badEscape(userInfo);
    if (broken !== undefined) return { ok: false, message: broken };
  }
  return parseHost(authority.slice(at + 1));
}

function parseHost(host: string): Part {
  const bracket = host.lastIndexOf("]");
  if (host.startsWith("[") && bracket === -1) return { ok: false, message: "missing ']' in host" };
  const colon = host.startsWith("[") ? bracket + 1 : host.lastIndexOf(":");
  const port = colon === -1 ? "" : host.slice(colon);
  if (!/^(?::\d*)?$/.test(port))
    return { ok: false, message: `invalid port ${JSON.stringify(port)} after host` };
  const broken = /%(?![89A-Fa-f][0-9A-Fa-f]|25).{0,2}/.exec(host);
  if (broken !== null) return { ok: false, message: `invalid URL escape ${JSON.stringify(broken[0])}` };
  const invalid = /[ \\^`{|}]/.exec(host);
  if (invalid !== null)
    return { ok: false, message: `invalid character ${JSON.stringify(invalid[0])} in host name` };
  return { ok: true, value: percentDecode(host) };
}

function unescapePath(path: string): Part {
  const message = badEscape(path);
  return message === undefined ? { ok: true, value: percentDecode(path) } : { ok: false, message };
}

function badEscape(text: string): string | undefined {
  const match = /%(?![0-9A-Fa-f]{2}).{0,2}/u.exec(text);
  return match === null ? undefined : `invalid URL escape ${JSON.stringify(match[0])}`;
}

function percentDecode(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) => {
    const bytes = escapes
      .split("%")
      .slice(1)
      .map((hex) => Number.parseInt(hex, 16));
    return decodeText(Uint8Array.from(bytes));
  });
}
