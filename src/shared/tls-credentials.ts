import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";

/**
 * As gRPC's own, but a server that is reached by its address is not asked for by that as a name, which is not allowed
 * (https://www.rfc-editor.org/rfc/rfc6066#section-3) and which Node warns of. Its certificate has to have the address.
 */
export function createTlsCredentials(
  ca: Buffer | null,
  key: Buffer | null,
  cert: Buffer | null,
): ChannelCredentials {
  const made = credentials.createSsl(ca, key, cert);
  const connect = made._createSecureConnector.bind(made);
  made._createSecureConnector = (...input) => {
    const connector = connect(...input);
    // grpc-js 1.14 has no option for it. `host` is there too, and is what the certificate is then checked against.
    const { connectionOptions } = connector as { readonly connectionOptions?: ConnectionOptions };
    if (isIP(connectionOptions?.servername ?? "") !== 0) delete connectionOptions?.servername;
    return connector;
  };
  return made;
}
