import { RegistryError } from "./registry-error.ts";

/** Why no TCP connection came about, and what to look at. */
export function explainConnect(error: unknown, to: URL, resolved: boolean): RegistryError {
  const { code, message } = firstOf(error);
  if (!resolved) {
    const why = lookups[code] ?? message;
    return new RegistryError("dns", `the name ${to.hostname} cannot be resolved on this node: ${why}`, error);
  }
  return new RegistryError("connect", `no connection to ${to.host}: ${connects[code] ?? message}`, error);
}

/** Why no TLS session came about, and what to look at. */
export function explainTls(error: unknown, to: URL): RegistryError {
  if (error instanceof RegistryError) return error;
  const { code, message } = firstOf(error);
  return new RegistryError("tls", `${to.host}: ${tls[code] ?? otherTls(code, message)}`, error);
}

const lookups: Readonly<Record<string, string>> = {
  ENOTFOUND:
    "no such host; check the name and the node's resolv.conf (names inside the cluster do not resolve here)",
  EAI_AGAIN: "the name server does not answer; check the node's resolv.conf and network",
  ETIMEDOUT: "the name server does not answer in time; check the node's resolv.conf and network",
};

const connects: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused; nothing listens on that port, or a firewall rejects it",
  ETIMEDOUT:
    "no answer in time; a firewall drops the packets, or the host is down. Every pull waits up to 30 s for it",
  EHOSTUNREACH: "no route to that host",
  ENETUNREACH: "no route to that network",
  ECONNRESET: "the connection was reset",
};

const signer = "put the certificate of the CA that signed it into the entry's caCert";

const tls: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate, or one of its chain, has expired; renew it",
  CERT_NOT_YET_VALID: "its certificate is not valid yet; check both clocks",
  DEPTH_ZERO_SELF_SIGNED_CERT: `its certificate is self-signed and not trusted on this node; ${signer}`,
  SELF_SIGNED_CERT_IN_CHAIN: `its certificate is signed by an unknown authority; ${signer}`,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `its certificate is signed by an unknown authority, or it does not send its intermediate certificates; ${signer}`,
  UNABLE_TO_GET_ISSUER_CERT: `its certificate is signed by an unknown authority; ${signer}`,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: `its certificate is signed by an unknown authority; ${signer}`,
  CERT_SIGNATURE_FAILURE: `the signature of its certificate is wrong: another CA of the same name signed it; ${signer}`,
  INVALID_PURPOSE: "its certificate is not meant for servers (extended key usage); issue it with serverAuth",
  INVALID_CA: "one certificate of its chain is not a CA certificate",
  ERR_SSL_WRONG_VERSION_NUMBER:
    "it speaks http, not https, on this port; write http:// or give the https port",
  ERR_SSL_PACKET_LENGTH_TOO_LONG:
    "it speaks http, not https, on this port; write http:// or give the https port",
  ERR_SSL_HTTP_REQUEST: "it speaks http, not https, on this port; write http:// or give the https port",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    "it wants a client certificate; give the entry clientCertPath and clientKeyPath",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    "it refuses the handshake; it may want a client certificate, or share no cipher",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA:
    "it does not accept the client certificate: it does not know the CA that signed it",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "it does not accept the client certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "it does not accept the client certificate: expired",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "it speaks TLS 1.1 or older only, which containerd refuses",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "it speaks TLS 1.1 or older only, which containerd refuses",
  ECONNRESET: "it ends the connection during the TLS handshake; it may not speak https on this port",
  ETIMEDOUT: "it does not answer the TLS handshake in time; it may not speak https on this port",
};

function otherTls(code: string, message: string): string {
  // Node names some certificate errors, OpenSSL all of them.
  return `the TLS handshake fails: ${message}${code === "" ? "" : ` (${code})`}`;
}

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
