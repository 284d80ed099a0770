/** Where on the way to an answer it ended. */
export type FailurePhase = "dns" | "connect" | "tls" | "http" | "auth" | "token";

/** Why a registry gave no usable answer. */
export type FailureCode =
  | "no-such-host"
  | "no-name-server"
  | "lookup-failed"
  | "refused"
  | "no-route"
  | "connect-timeout"
  | "connect-reset"
  | "connect-failed"
  | "proxy-refuses"
  | "socks-proxy"
  | "unknown-authority"
  | "wrong-authority"
  | "expired"
  | "not-yet-valid"
  | "name-not-covered"
  | "common-name-only"
  | "weak-signature"
  | "not-for-servers"
  | "speaks-http"
  | "wants-client-certificate"
  | "refuses-client-certificate"
  | "old-tls"
  | "tls-timeout"
  | "tls-closed"
  | "tls-file"
  | "tls-failed"
  | "no-answer"
  | "closed"
  | "not-http"
  | "redirect-loop"
  | "bad-redirect"
  | "link-local"
  | "loopback"
  | "unusable-url"
  | "bad-header"
  | "no-credentials"
  | "credentials-refused"
  | "bad-credentials"
  | "unknown-scheme"
  | "no-realm"
  | "token-unreachable"
  | "token-refused"
  | "no-token"
  | "credentials-withheld"
  | "time-over"
  | "web-page"
  | "status";

/** A request without a usable answer, in words that hold no secret. */
export interface RegistryFailure {
  readonly phase: FailurePhase;
  readonly code: FailureCode;
  /** One clause: who, and what went wrong. */
  readonly cause: string;
  /** What to do about it. */
  readonly fix: string;
}

/** What this program cannot, or will not, do as containerd would: the outcome of a pull stays unknown. */
export function isUndecided(code: FailureCode): boolean {
  return UNDECIDED.includes(code);
}

const UNDECIDED: readonly FailureCode[] = [
  "socks-proxy",
  "link-local",
  "loopback",
  "credentials-withheld",
  "time-over",
];
