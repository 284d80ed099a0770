import { parseHostPort } from "./host-port.ts";
import type { IssueCode } from "./issue-codes.ts";
import { quote } from "./text.ts";

export interface Endpoint {
  readonly scheme: "http" | "https";
  /** `host` or `host:port`, as written. */
  readonly host: string;
  /** `""` or `/v2/<namespace>`. */
  readonly path: string;
  readonly ipv6: boolean;
}

export type EndpointResult =
  | { readonly ok: true; readonly endpoint: Endpoint }
  | { readonly ok: false; readonly code: IssueCode; readonly message: string; readonly fix: string };

/** Parses a mirror endpoint: `http(s)://host[:port]`, alone or with `/v2/<namespace>`. */
export function parseEndpoint(text: string): EndpointResult {
  const url = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#\\]*)(.*)$/s.exec(text);
  if (url === null) return withoutScheme(text);
  const [, scheme = "", authority = "", rest = ""] = url;
  if (authority.includes("@")) return userinfo(scheme, authority, rest);
  const schemeProblem = checkScheme(scheme, `${authority}${rest}`);
  if (schemeProblem !== undefined) return schemeProblem;
  const base = `${scheme}://${authority}`;
  if (/[?#]/.test(rest)) {
    const message = "an endpoint has no ? or # part: containerd drops it, and what it meant would be lost";
    return fail("endpoint-query", message, `write ${shown(base + (/^[^?#]*/.exec(rest)?.[0] ?? ""))}`);
  }
  const host = parseHostPort(authority);
  if (!host.ok) {
    const fix =
      host.suggestion === undefined
        ? "write https://host or https://host:port"
        : `write ${shown(`${scheme}://${host.suggestion}${rest}`)}`;
    return fail("endpoint-host", `the endpoint's host is wrong: ${host.reason}`, fix);
  }
  if (host.host === "docker.io" || host.host === "hub.docker.com") {
    const message = `${host.host} is a website; Docker Hub's registry is registry-1.docker.io`;
    return fail("endpoint-docker-io", message, `write ${shown(`${scheme}://registry-1.docker.io${rest}`)}`);
  }
  const path = parsePath(base, rest);
  if (!path.ok) return path;
  return {
    ok: true,
    endpoint: { scheme: scheme as "http" | "https", host: authority, path: path.path, ipv6: host.ipv6 },
  };
}

const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
/** `/v2/` and components, as it should be written. */
const PATH = /^\/v2(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)+$/;

type PathResult = { readonly ok: true; readonly path: string } | Extract<EndpointResult, { ok: false }>;

function parsePath(base: string, path: string): PathResult {
  if (path.length <= 255 && PATH.test(path) && !path.endsWith("/v2")) return { ok: true, path };
  const components = path.split("/").filter((component) => component !== "");
  if (path.length > 255)
    return fail("endpoint-path", "the endpoint's path is longer than 255 characters", "shorten it");
  if (components.length === 0) return { ok: true, path: "" };
  if (components.length === 1 && components[0] === "v2") {
    const message = "the endpoint ends in /v2 without a namespace; containerd adds /v2 itself";
    return fail("endpoint-path", message, `write ${shown(base)} or ${shown(`${base}/v2/<namespace>`)}`);
  }
  const namespace = components.filter((component) => component !== "v2").join("/");
  if (
    !components.slice(components[0] === "v2" ? 1 : 0).every((component) => PATH_COMPONENT.test(component))
  ) {
    const lower = path.toLowerCase();
    const fix =
      lower !== path
        ? `write ${shown(base + lower)}`
        : `write ${shown(base)} or ${shown(`${base}/v2/<namespace>`)}`;
    return fail(
      "endpoint-path",
      `the endpoint's path ${quote(path)} is not a repository path (lower-case letters, digits, ". _ -" between)`,
      fix,
    );
  }
  const right = `${base}/v2/${namespace}`;
  if (components[0] !== "v2") {
    const message =
      "the endpoint's path does not begin with /v2/, so every request would go to a path the mirror does not serve";
    return fail("endpoint-path", message, `write ${shown(right)}`);
  }
  if (components.at(-1) === "v2") {
    return fail(
      "endpoint-path",
      "the endpoint has /v2 twice, so every request to the mirror would be a 404",
      `write ${shown(right)}`,
    );
  }
  return { ok: true, path: `/${components.join("/")}` };
}

function checkScheme(scheme: string, rest: string): EndpointResult | undefined {
  if (scheme === "http" || scheme === "https") return undefined;
  const lower = scheme.toLowerCase();
  if (lower === "http" || lower === "https")
    return fail(
      "endpoint-scheme",
      `containerd reads ${quote(scheme)} as part of a host name`,
      `write ${shown(`${lower}://${rest}`)}`,
    );
  return fail(
    "endpoint-scheme",
    `containerd speaks http and https only, not ${quote(scheme)}`,
    `write ${shown(`https://${rest}`)}`,
  );
}

function withoutScheme(text: string): EndpointResult {
  const plain = /^[A-Za-z0-9[][^\s@\\]*$/.test(text) && !text.includes("://");
  return fail(
    "endpoint-scheme",
    "an endpoint begins with https:// or http://; without it containerd guesses",
    plain ? `write ${shown(`https://${text}`)}` : "write https://host:port",
  );
}

function userinfo(scheme: string, authority: string, rest: string): EndpointResult {
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  const message =
    "containerd drops the user and password of an endpoint, so the mirror would be asked without them";
  return fail(
    "endpoint-userinfo",
    message,
    `write ${shown(`${scheme}://${host}${rest}`)} and give pullCredentialConfigPath`,
  );
}

function fail(code: IssueCode, message: string, fix: string): Extract<EndpointResult, { ok: false }> {
  return { ok: false, code, message, fix };
}

function shown(text: string): string {
  return quote(text).slice(1, -1);
}
