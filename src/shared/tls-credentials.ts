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
  const connect: unknown = made._createSecureConnector;
  // There is no public way: `grpc.ssl_target_name_override` says another name, and none is not one. Where another version of
  // grpc-js has it otherwise, its own way holds, with the warning.
  if (typeof connect !== "function") return made;
  made._createSecureConnector = (...input) => {
    const connector = connect.apply(made, input);
    forgetAddress((connector as { readonly connectionOptions?: ConnectionOptions }).connectionOptions);
    return connector;
  };
  return made;
}

/** `host` stays, and is what the certificate is then checked against: without it that would be "localhost". */
function forgetAddress(options: ConnectionOptions | undefined): void {
  const { servername = "", host } = options ?? {};
  if (options !== undefined && isIP(servername) !== 0 && host === servername) delete options.servername;
}
