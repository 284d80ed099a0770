import type { FailureCode } from "../core/evidence/registry-failure.ts";
import { RegistryError } from "./registry-error.ts";

/** Why no TCP connection came about, and what to look at. */
export function explainConnect(error: unknown, to: URL, resolved: boolean): RegistryError {
  if (error instanceof RegistryError) return error;
  const { code, message } = firstOf(error);
  if (!resolved)
    return new RegistryError(
      { phase: "dns", code: LOOKUPS[code] ?? "lookup-failed", host: to.hostname, detail: message },
      error,
    );
  return new RegistryError(
    { phase: "connect", code: CONNECTS[code] ?? "connect-failed", host: to.host, detail: message },
    error,
  );
}

/** Why no TLS session came about, and what to look at. `about` says more about the certificate. */
export function explainTls(error: unknown, to: URL, about = ""): RegistryError {
  if (error instanceof RegistryError) return error;
  const { code, message } = firstOf(error);
  const known = TLS[code];
  // Node names some certificate errors, OpenSSL all of them.
  const detail =
    known === undefined ? `${message}${code === "" ? "" : ` (${code})`}` : (PHRASES[code] ?? about);
  return new RegistryError({ phase: "tls", code: known ?? "tls-failed", host: to.host, detail }, error);
}

const LOOKUPS: Readonly<Record<string, FailureCode>> = {
  ENOTFOUND: "no-such-host",
  EAI_AGAIN: "no-name-server",
  ETIMEDOUT: "no-name-server",
};

const CONNECTS: Readonly<Record<string, FailureCode>> = {
  ECONNREFUSED: "refused",
  ETIMEDOUT: "connect-timeout",
  EHOSTUNREACH: "no-route",
  ENETUNREACH: "no-route",
  ECONNRESET: "connect-reset",
};

const TLS: Readonly<Record<string, FailureCode>> = {
  CERT_HAS_EXPIRED: "expired",
  CERT_NOT_YET_VALID: "not-yet-valid",
  DEPTH_ZERO_SELF_SIGNED_CERT: "unknown-authority",
  SELF_SIGNED_CERT_IN_CHAIN: "unknown-authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unknown-authority",
  UNABLE_TO_GET_ISSUER_CERT: "unknown-authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unknown-authority",
  CERT_SIGNATURE_FAILURE: "wrong-authority",
  INVALID_PURPOSE: "not-for-servers",
  INVALID_CA: "not-for-servers",
  ERR_SSL_WRONG_VERSION_NUMBER: "speaks-http",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "speaks-http",
  ERR_SSL_HTTP_REQUEST: "speaks-http",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "wants-client-certificate",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "tls-failed",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "refuses-client-certificate",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "refuses-client-certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "refuses-client-certificate",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "old-tls",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "old-tls",
  ECONNRESET: "tls-closed",
  ETIMEDOUT: "tls-timeout",
};

const PHRASES: Readonly<Record<string, string>> = {
  INVALID_PURPOSE: "its certificate is not meant for servers (extended key usage)",
  INVALID_CA: "one certificate of its chain is not a CA certificate",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: ": it does not know the CA that signed it",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: ": expired",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "it may want a client certificate, or share no cipher",
};

interface Words {
  readonly code: string;
  readonly message: string;
}

// With several addresses Node throws an aggregate without a message of its own.
function firstOf(error: unknown): Words {
  if (error instanceof AggregateError && error.errors.length > 0) return firstOf(error.errors[0]);
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  return {
    code: typeof code === "string" ? code : "",
    message: typeof message === "string" ? message : String(error),
  };
}
