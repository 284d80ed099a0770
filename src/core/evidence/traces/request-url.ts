/** The URL of a request, without what must not be kept: user info and query. */
export interface RequestUrl {
  /** host:port, lower case, the scheme's default port left out. */
  readonly host: string;
  readonly path: string;
  /** Of `?ns=`: the host namespace of the image. */
  readonly namespace?: string;
  /** There is a `?ns=`, and it does not say: `ns=%5BREDACTED%5D`. */
  readonly isMasked: boolean;
}

const URL_PARTS = /^(https?):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?/i;
const HOST = /^[a-z0-9._:[\]-]{1,261}$/i;

/** Undefined for what is not a URL of a registry. */
export function readRequestUrl(url: string): RequestUrl | undefined {
  const match = URL_PARTS.exec(url);
  if (match === null) return undefined;
  const [, scheme = "", authority = "", path = "", query = ""] = match;
  const host = readHost(scheme, authority);
  if (host === undefined) return undefined;
  const written = /(?:^|&)ns=([^&]*)/.exec(query)?.[1];
  const namespace = written === undefined ? undefined : readNamespace(written);
  return {
    host,
    path: decode(path) ?? path,
    ...(namespace === undefined ? {} : { namespace }),
    isMasked: written !== undefined && namespace === undefined,
  };
}

function readHost(scheme: string, authority: string): string | undefined {
  const host = authority.slice(authority.lastIndexOf("@") + 1).toLowerCase();
  const bare = host.replace(scheme.toLowerCase() === "https" ? /:443$/ : /:80$/, "");
  return HOST.test(bare) ? bare : undefined;
}

/** An IPv6 namespace has a colon within its brackets, a masked one has not. */
function readNamespace(written: string): string | undefined {
  const namespace = decode(written) ?? "";
  return HOST.test(namespace) && !/^\[[^:]*\]/.test(namespace) ? namespace : undefined;
}

function decode(text: string): string | undefined {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
