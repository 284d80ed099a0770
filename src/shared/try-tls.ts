import { isIP } from "node:net";
import { connect } from "node:tls";

export interface TlsTrial {
  readonly host: string;
  readonly port: number;
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  /** What the files are called in the configuration, as `etcd.ca`. */
  readonly caName: string;
  readonly certName: string;
}

const HANDSHAKE_MS = 2_000;
/** A server that does not take a client's certificate says so after the handshake, for the client, is over. */
const VERDICT_MS = 500;

/**
 * Why no TLS comes about with a server, in words that say what to do; gRPC keeps that to itself. Tries once, for a moment.
 * Undefined: it does come about, or the reason is another one.
 */
export function tryTls({ host, port, ca, cert, key, ...names }: TlsTrial): Promise<string | undefined> {
  return new Promise((resolve) => {
    let isDone = false;
    const socket = connect({
      host,
      port,
      ...(isIP(host) === 0 && { servername: host }),
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
      ALPNProtocols: ["h2"],
    });
    const end = (why?: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(why);
    };
    let timer = setTimeout(end, HANDSHAKE_MS);
    const refused = (code: string): string =>
      cert === undefined
        ? `it wants a certificate, and there is no ${names.certName} (${code})`
        : `it does not accept the certificate in ${names.certName}, which has ended, or is signed by a CA that it does not know (${code})`;
    socket.on("secureConnect", () => {
      isDone = true;
      clearTimeout(timer);
      timer = setTimeout(end, VERDICT_MS);
    });
    socket.on("data", () => end());
    socket.on("close", () => end(isDone ? refused("closed after the handshake") : undefined));
    socket.on("error", (error: Error & { readonly code?: string }) => {
      const { code = "", message } = error;
      end(isDone || code.includes("_ALERT_") ? refused(code) : explain(code, message, names));
    });
  });
}

function explain(code: string, message: string, { caName }: Pick<TlsTrial, "caName">): string | undefined {
  if (UNKNOWN_CA.has(code)) return `its certificate is not signed by a CA in ${caName} (${code})`;
  if (code === "CERT_HAS_EXPIRED") return "its certificate has expired: renew it";
  if (code === "CERT_NOT_YET_VALID") return "its certificate is not valid yet: compare the clocks";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return `its certificate is for other names: ${message.slice(0, 200)}`;
  if (NO_TLS.has(code)) return `it does not speak TLS (${code})`;
  return code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code.startsWith("CERT_")
    ? `TLS fails: ${message.slice(0, 200)} (${code})`
    : undefined;
}

const UNKNOWN_CA: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
]);

const NO_TLS: ReadonlySet<string> = new Set([
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_HTTP_REQUEST",
]);
