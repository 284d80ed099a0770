/** Part of a pull that a request is about. */
export type RequestKind = "manifest" | "blob" | "token";

/**
 * mirror: a mirror of the desired state · upstream: the registry itself · witness: our own last host, which serves
 * nothing and whose being asked proves that no mirror did. What a host redirects to counts as that host's answer.
 */
export type RequestRole = "mirror" | "upstream" | "witness";

/** One HTTP request that containerd made for a pull: one hop, one try. Holds no secret and no query. */
export interface RegistryRequest {
  /** When it ended; wall clock, ms since the epoch. */
  readonly atMs: number;
  readonly durationMs: number;
  /** Host namespace of the image: `gcr.io`. */
  readonly registry: string;
  /** Below the namespace, without a mirror's path prefix: `google-containers/pause`; `""` for tokens. */
  readonly repository: string;
  /** host:port that was contacted; the default port is left out, as in a URL. */
  readonly host: string;
  readonly role: RequestRole;
  readonly kind: RequestKind;
  readonly method: string;
  /** Tag or digest; `""` for tokens. */
  readonly object: string;
  /** Undefined: no answer came, and `error` says why. */
  readonly status?: number;
  /** containerd's own words, without addresses of token services or queries. */
  readonly error?: string;
  /** The answer led elsewhere: host:port of the next hop, which is a request of its own. */
  readonly redirectedTo?: string;
}

export type CodeClass = "2xx" | "3xx" | "4xx" | "5xx" | "error";

export const CODE_CLASSES: readonly CodeClass[] = ["2xx", "3xx", "4xx", "5xx", "error"];

export function codeClassOf(status: number | undefined): CodeClass {
  if (status === undefined || status < 200 || status > 599) return "error";
  return `${Math.floor(status / 100)}xx` as CodeClass;
}
